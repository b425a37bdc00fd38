#!/bin/sh
# Prints the JobSet that trains on GKE; `kubectl apply -f -` starts it, and starts it again after a delete:
#
#   IMAGE=... ACCELERATOR=tpu-v5-lite-podslice TOPOLOGY=4x4 launch/gke.sh tpu --config=NAME --workdir=gs://BUCKET/RUN
#   IMAGE=... ACCELERATOR=nvidia-h100-80gb HOSTS=2          launch/gke.sh gpu --config=NAME --workdir=gs://BUCKET/RUN
#
# Variables, and what they are where unset: IMAGE (required), ACCELERATOR (required; GKE's name), TOPOLOGY (required for
# tpu; of the slice), HOSTS (required for gpu; nodes), CHIPS (a host: 4 for tpu, 8 for gpu), NAME (jaxgan), DATA_CLAIM
# (data: the volume claim that is mounted at /data), SERVICE_ACCOUNT (jaxgan), MAX_RESTARTS (100), SPOT (true).
set -eu

fail() {
    echo "gke.sh: $1" >&2
    exit 1
}

positive() { # NAME VALUE
    case $2 in '' | *[!0-9]* | 0*) fail "$1='$2'; give a whole number from 1" ;; esac
}

kind=${1:-}
case $kind in
    tpu) default_chips=4 ;;
    gpu) default_chips=8 ;;
    *) fail "the first argument is tpu or gpu, not '$kind'; flags of jaxgan train follow it" ;;
esac
shift
[ -n "${IMAGE:-}" ] || fail "set IMAGE to the container image that holds jaxgan"
[ -n "${ACCELERATOR:-}" ] || fail "set ACCELERATOR to GKE's name of it, such as tpu-v5-lite-podslice or nvidia-h100-80gb"
CHIPS=${CHIPS:-$default_chips}
positive CHIPS "$CHIPS"
case ${MAX_RESTARTS:-100} in *[!0-9]*) fail "MAX_RESTARTS='$MAX_RESTARTS'; give a whole number" ;; esac
case ${SPOT:-true} in true | false) ;; *) fail "SPOT='$SPOT'; give true or false" ;; esac

if [ "$kind" = tpu ]; then
    case ${TOPOLOGY:-} in
        '' | *[!0-9x]* | x* | *x | *xx*) fail "set TOPOLOGY to the slice's, such as 4x4 or 2x2x4, not '${TOPOLOGY:-}'" ;;
    esac
    case x$TOPOLOGY in *x0*) fail "TOPOLOGY='$TOPOLOGY'; a slice has a chip or more along each axis" ;; esac
    total=$(($(echo "$TOPOLOGY" | sed 's/x/*/g')))
    HOSTS=$((total / CHIPS))
    [ "$((HOSTS * CHIPS))" -eq "$total" ] || fail "TOPOLOGY=$TOPOLOGY has $total chips, which CHIPS=$CHIPS a host do not divide"
else
    [ -n "${HOSTS:-}" ] || fail "set HOSTS to the number of nodes"
    positive HOSTS "$HOSTS"
fi
for flag in "$@"; do
    case $flag in
        --restart | --from_step | --from_step=*)
            fail "$flag would go back again at every restart: start \`jaxgan train\` with it once, then apply this without it"
            ;;
    esac
done
# One process has nobody to meet.
[ "$HOSTS" -eq 1 ] || set -- "$@" --coordinator=auto

args=
for flag in "$@"; do
    args="$args${args:+, }\"$(printf '%s' "$flag" | sed 's/[\\"]/\\&/g')\""
done

# What sed takes for special in a replacement, taken literally.
literal() {
    printf '%s' "$1" | sed 's/[&|\\]/\\&/g'
}

[ "${SPOT:-true}" = true ] && spot='s| # with SPOT=true||' || spot='/ # with SPOT=true/d'
sed -e "$spot" \
    -e "s|\${NAME}|$(literal "${NAME:-jaxgan}")|" \
    -e "s|\${IMAGE}|$(literal "$IMAGE")|" \
    -e "s|\${ACCELERATOR}|$(literal "$ACCELERATOR")|" \
    -e "s|\${TOPOLOGY}|${TOPOLOGY:-}|" \
    -e "s|\${HOSTS}|$HOSTS|" \
    -e "s|\${CHIPS}|$CHIPS|" \
    -e "s|\${DATA_CLAIM}|$(literal "${DATA_CLAIM:-data}")|" \
    -e "s|\${SERVICE_ACCOUNT}|$(literal "${SERVICE_ACCOUNT:-jaxgan}")|" \
    -e "s|\${MAX_RESTARTS}|${MAX_RESTARTS:-100}|" \
    -e "s|\${ARGS}|[$(literal "$args")]|" \
    -e '1,/^apiVersion/{/^#/d;}' \
    "$(dirname "$0")/gke_$kind.yaml"
