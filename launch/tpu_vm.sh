#!/bin/bash
# Trains on all workers of a Cloud TPU VM, asked for as a queued resource:
#
#   launch/tpu_vm.sh create                                             # wait for the TPU, install this clone's commit
#   launch/tpu_vm.sh train --config=NAME --workdir=gs://BUCKET/RUN      # start on all workers, and return
#   launch/tpu_vm.sh resume --config=NAME --workdir=gs://BUCKET/RUN     # stay, and create and train again, to the end
#   launch/tpu_vm.sh status | logs [WORKER] | stop | delete
#
# Variables, and what they are where unset: TPU_NAME, ZONE, ACCELERATOR_TYPE (such as v5litepod-16), RUNTIME_VERSION (all
# four required), PROJECT (gcloud's own), SPOT (true), EXTRAS (tpu,features), SETUP (a command for every worker after the
# installation, such as a mount), CREATE_FLAGS (more flags of `queued-resources create`), POLL_SECONDS (60), MAX_FAILURES
# (10: how often `resume` starts a worker again that fails where others do not).
#
# On each worker launch/one_node.py keeps the training going, and files in the home folder say how: run.log, run.exit
# (the final exit code), run.lock (held while it runs), run.pid, run.told (by which `stop`).
set -euo pipefail

fail() {
    echo "tpu_vm.sh: $1" >&2
    exit 1
}

verb=${1:-}
[ $# -eq 0 ] || shift
: "${TPU_NAME:?set it to a name for the TPU}" "${ZONE:?set it to the zone}"
here=(--zone="$ZONE")
[ -z "${PROJECT:-}" ] || here+=(--project="$PROJECT")
poll=${POLL_SECONDS:-60}
case $poll in *[!0-9.]* | . | *.*.*) fail "POLL_SECONDS='$poll'; give a number of seconds" ;; esac
case ${MAX_FAILURES:-10} in *[!0-9]*) fail "MAX_FAILURES='$MAX_FAILURES'; give a whole number" ;; esac
case ${SPOT:-true} in true | false) ;; *) fail "SPOT='$SPOT'; give true or false" ;; esac

tpus() {
    gcloud compute tpus "$@" "${here[@]}" --quiet
}

on() { # on WORKERS COMMAND
    tpus tpu-vm ssh "$TPU_NAME" --worker="$1" --command="$2"
}

# On all workers, again where one does not answer: to the others the command comes twice.
on_all() { # COMMAND
    local tried=1
    until on all "$1"; do
        if [ "$tried" -ge 5 ]; then
            echo "tpu_vm.sh: a worker of $TPU_NAME does not answer, in $tried tries; the others were told" >&2
            return 1
        fi
        echo "tpu_vm.sh: a worker of $TPU_NAME does not answer; trying again" >&2
        tried=$((tried + 1))
        sleep "$poll"
    done
}

state() { # empty where there is none
    tpus queued-resources list --filter="name ~ /$TPU_NAME\$" --format='value(state.state)'
}

ask_for_it() {
    : "${ACCELERATOR_TYPE:?set it, such as v5litepod-16}" "${RUNTIME_VERSION:?set it, such as v2-alpha-tpuv5-lite}"
    local spot=()
    [ "${SPOT:-true}" != true ] || spot=(--spot)
    # CREATE_FLAGS is a list of words.
    # shellcheck disable=SC2086
    tpus queued-resources create "$TPU_NAME" --node-id="$TPU_NAME" --accelerator-type="$ACCELERATOR_TYPE" \
        --runtime-version="$RUNTIME_VERSION" "${spot[@]}" ${CREATE_FLAGS:-}
}

wait_for_it() {
    local now
    while true; do
        # A query that fails says nothing of the TPU.
        now=$(state) || now=unknown
        case $now in
            ACTIVE) return 0 ;;
            FAILED | SUSPENDED | SUSPENDING | DELETING | '') return 1 ;;
        esac
        echo "tpu_vm.sh: $TPU_NAME is $now" >&2
        sleep "$poll"
    done
}

# Of a slice's workers one or the other often refuses ssh at first, which fails the call for all.
install() {
    local archive tried=1
    archive=$(mktemp -d)/jaxgan.tar.gz
    git -C "$(dirname "$0")/.." archive --format=tar.gz --output="$archive" HEAD || return
    until install_once "$archive"; do
        if [ "$tried" -ge 5 ]; then
            echo "tpu_vm.sh: a worker of $TPU_NAME could not be set up in $tried tries" >&2
            rm -r "$(dirname "$archive")"
            return 1
        fi
        echo "tpu_vm.sh: a worker of $TPU_NAME could not be set up; trying again" >&2
        tried=$((tried + 1))
        sleep "$poll"
    done
    rm -r "$(dirname "$archive")"
}

install_once() { # ARCHIVE
    tpus tpu-vm scp "$1" "$TPU_NAME:jaxgan.tar.gz" --worker=all || return
    # The images' own Python is older than jaxgan needs; uv brings one.
    on all "set -e; rm -rf jaxgan; mkdir jaxgan; tar xzf jaxgan.tar.gz -C jaxgan; \
python3 -m pip install --quiet --user uv; \
python3 -m uv venv --quiet --clear --python 3.12 venv; \
python3 -m uv pip install --quiet --python venv/bin/python './jaxgan[${EXTRAS:-tpu,features}]' gcsfs; \
${SETUP:-true}"
}

create() {
    local now
    now=$(state) || fail "gcloud does not say whether there is a $TPU_NAME; see its message"
    [ -n "$now" ] || ask_for_it
    wait_for_it || fail "$TPU_NAME is $(state); \`tpu_vm.sh delete\`, and create it again"
    install || fail "not installed; \`tpu_vm.sh create\` again goes on from here"
}

# On every worker that is not at it already.
train() {
    [ $# -gt 0 ] || fail "give the flags of jaxgan train"
    local flags
    printf -v flags '%q ' "$@" --coordinator=auto
    on_all "flock --nonblock run.lock true || { echo it is running already; exit 0; }; rm -f run.exit; \
nohup flock --nonblock run.lock sh -c 'venv/bin/python jaxgan/launch/one_node.py -- \"\$@\" & \
echo \$! >run.pid; wait \$!; echo \$? >run.exit' one_node $flags >>run.log 2>&1 </dev/null &"
}

# A line a worker: running, its final exit code, or idle, where there is none: never started, or cut off.
status() {
    # shellcheck disable=SC2016 # for the workers to expand
    on all 'if flock --nonblock run.lock true; then echo "worker: $(cat run.exit 2>/dev/null || echo idle)"; else
echo "worker: running"; fi' | grep '^worker: '
}

# SIGTERM to the supervisors: the training saves, and the exit code is 42. A second one would kill it, so that a worker
# that is asked again, because another did not answer, is left alone.
stop() {
    local id
    id=$$-$(date +%s)
    on_all "flock --nonblock run.lock true || [ \"\$(cat run.told 2>/dev/null)\" = $id ] || \
{ kill \"\$(cat run.pid)\" && echo $id >run.told; }"
}

resume() {
    [ $# -gt 0 ] || fail "give the flags of jaxgan train"
    local flag
    for flag in "$@"; do
        case $flag in
            --restart | --from_step | --from_step=*)
                fail "$flag would go back again at every start: \`tpu_vm.sh train\` with it once, then \`resume\` without it"
                ;;
        esac
    done
    local now words word again broken before='' installed=yes failures=0
    while true; do
        now=$(state) || now=unknown
        case $now in
            ACTIVE) ;;
            '' | FAILED | SUSPENDED)
                if [ -n "$now" ] && ! tpus queued-resources delete "$TPU_NAME" --force; then
                    sleep "$poll"
                    continue
                fi
                ask_for_it
                installed=no
                wait_for_it || true
                continue
                ;;
            *)
                echo "tpu_vm.sh: $TPU_NAME is $now" >&2
                sleep "$poll"
                continue
                ;;
        esac
        if [ "$installed" = no ]; then
            if ! install; then
                sleep "$poll"
                continue
            fi
            installed=yes
        fi
        # Where ssh fails, the TPU may have been taken: ask for its state again.
        if words=$(status | sort -u); then
            words=$(echo "$words" | sed 's/^worker: //' | tr '\n' ' ')
            echo "tpu_vm.sh: workers are: $words" >&2
            [ "$words" != '0 ' ] || return 0
            again=no broken=
            for word in $words; do
                case $word in
                    0 | running) ;;
                    idle | 42 | 134 | 137 | 142 | 143) again=yes ;;
                    *) broken=$word ;;
                esac
            done
            # A mistake in the flags ends every worker the same way; one worker's failure is its machine's, and tried again
            # once it has been seen twice, for the others may be about to end the same way.
            if [ -n "$broken" ]; then
                [ "$words" != "$broken " ] || fail "exit code $broken: a restart won't help; see \`tpu_vm.sh logs\`"
                again=no
                if [ "$words" = "$before" ]; then
                    failures=$((failures + 1))
                    [ "$failures" -le "${MAX_FAILURES:-10}" ] ||
                        fail "exit code $broken of a worker, $failures times; see \`tpu_vm.sh logs WORKER\`"
                    again=yes
                fi
            fi
            before=$words
            if [ "$again" = yes ]; then
                before=
                train "$@" || true
            fi
        else
            echo "tpu_vm.sh: a worker of $TPU_NAME does not answer" >&2
        fi
        sleep "$poll"
    done
}

case $verb in
    create) create ;;
    train) train "$@" ;;
    resume) resume "$@" ;;
    status) status ;;
    logs) on "${1:-0}" 'tail -n 100 -F run.log' ;;
    stop) stop ;;
    delete) tpus queued-resources delete "$TPU_NAME" --force ;;
    *) fail "the first argument is create, train, resume, status, logs, stop or delete, not '$verb'" ;;
esac
