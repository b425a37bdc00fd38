"""Planner, studies, benchmarks, monitor and supervisor, which the verbs of these names and ``launch`` run."""
