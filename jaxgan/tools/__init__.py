"""Planner, studies and benchmarks: what the verbs ``plan``, ``study`` and ``bench`` run."""
