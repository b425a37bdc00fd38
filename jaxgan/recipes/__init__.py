"""One file per paper: build(config) -> Experiment."""
