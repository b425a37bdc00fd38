"""From a config to an Experiment and a run; it knows no recipe."""
