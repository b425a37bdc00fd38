#!/bin/bash
# Trains under SLURM, and puts the job back in the queue where that can help:
#
#   sbatch --nodes=4 --gpus-per-node=8 --time=24:00:00 launch/slurm.sh --config=NAME --workdir=DIR [flags of jaxgan train]
#
# One process a node, on all its GPUs; with --ntasks-per-node=8 as well, one process a GPU. All settings below can be
# given to sbatch instead. JAXGAN names the program, where it is not `jaxgan` on the PATH; CRASHES is how many crashes in
# a row without a new checkpoint are requeued (default 3).
#SBATCH --job-name=jaxgan
#SBATCH --ntasks-per-node=1
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=slurm-%j.log
# To the processes, 5 minutes before the time limit: they save, and exit with 42.
#SBATCH --signal=TERM@300
set -u

fail() {
    echo "slurm.sh: $1" >&2
    exit 1
}

case ${CRASHES:-3} in *[!0-9]*) fail "CRASHES='$CRASHES'; give a whole number" ;; esac
workdir=
for flag in "$@"; do
    case $flag in
        --workdir=*) workdir=${flag#*=} ;;
        --restart | --from_step | --from_step=*)
            fail "$flag would go back again at every requeue: start \`jaxgan train\` with it once, then submit without it"
            ;;
    esac
done
[ -n "$workdir" ] || fail "no --workdir=DIR among the flags; the run needs a folder that all nodes see"

tasks=${SLURM_NTASKS_PER_NODE:-1}
gpus=${SLURM_GPUS_ON_NODE:-0}
[ -z "${SLURM_GPUS_PER_TASK:-}" ] || fail "--gpus-per-task hides GPUs from their neighbours; use --gpus-per-node"
if [ "$gpus" -gt 1 ] && [ "$tasks" -eq 1 ]; then
    # Under SLURM, JAX gives a process the one GPU of its number on the node, unless this variable names more.
    JAX_LOCAL_DEVICE_IDS=$(seq -s , 0 $((gpus - 1)))
    export JAX_LOCAL_DEVICE_IDS
elif [ "$gpus" -gt 0 ] && [ "$gpus" -ne "$tasks" ]; then
    fail "$tasks tasks and $gpus GPUs a node: give --ntasks-per-node=1 or --ntasks-per-node=$gpus"
fi

newest() {
    find "$workdir/checkpoints" -maxdepth 1 -regex '.*/[0-9]+' -printf '%f\n' 2>/dev/null | sort -n | tail -n 1
}

before=$(newest)
echo "slurm.sh: job $SLURM_JOB_ID, restart ${SLURM_RESTART_COUNT:-0}, from step ${before:-0}, on $SLURM_JOB_NODELIST"
# Since 22.05 srun does not take --cpus-per-task from sbatch.
[ -z "${SLURM_CPUS_PER_TASK:-}" ] || export SRUN_CPUS_PER_TASK="$SLURM_CPUS_PER_TASK"
# Whoever exits first must not have the others killed: with 42 they are saving. One that hangs has ten minutes.
srun --kill-on-bad-exit=0 --wait=600 "${JAXGAN:-jaxgan}" train "$@" --coordinator=auto
code=$?

crashes=slurm-$SLURM_JOB_ID.crashes
case $code in
    42 | 143) rm -f "$crashes" ;;
    134 | 137 | 142)
        if [ "$(newest)" = "$before" ]; then echo "$code" >>"$crashes"; else : >"$crashes"; fi
        if [ "$(wc -l <"$crashes")" -gt "${CRASHES:-3}" ]; then
            fail "exit code $code, and ${CRASHES:-3} restarts brought no checkpoint: given up"
        fi
        ;;
    *)
        rm -f "$crashes"
        exit "$code"
        ;;
esac
echo "slurm.sh: exit code $code; back in the queue"
scontrol requeue "$SLURM_JOB_ID"
