"""Family-blind machinery: state, update, method, averages, step, loop, checkpoints, logging."""
