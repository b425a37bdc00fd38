"""``jaxgan monitor``: alarms over a run's records, a terminal view of it, and an HTML report."""
