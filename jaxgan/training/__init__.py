"""Training that knows no family: state, updates, method, averages, step, loop, checkpoints, logging."""
