#!/bin/sh
# Makes a virtual environment with jaxgan and its development tools: make_venv.sh PYTHON FOLDER
set -eu
python=$1
venv=$2

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "jaxgan needs Python 3.11 or newer; '$python' is $("$python" --version 2>&1 || echo absent). Try: make PYTHON=python3.12" >&2
    exit 1
fi

# Debian's python3 comes without ensurepip, which venv needs for pip.
if ! "$python" -m venv --clear "$venv" >/dev/null 2>&1; then
    if command -v uv >/dev/null 2>&1; then
        uv venv --quiet --clear --seed --python "$python" "$venv"
    elif "$python" -m virtualenv --version >/dev/null 2>&1; then
        "$python" -m virtualenv --quiet "$venv"
    elif "$python" -m pip --version >/dev/null 2>&1 && "$python" -m venv --clear --without-pip "$venv"; then
        "$python" -m pip --python "$venv/bin/python" install --quiet pip
    elif [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "installing python3-venv, which this Debian lacks" >&2
        apt-get update -qq >/dev/null
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >/dev/null
        "$python" -m venv --clear "$venv"
    else
        echo "'$python' cannot make virtual environments; as root: apt-get install python3-venv" >&2
        exit 1
    fi
fi

echo "installing jaxgan in $venv (a minute or two)" >&2
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade pip
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -e ".[dev]"
