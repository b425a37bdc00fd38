"""Grids of trainings: variants x seeds from one file, as a table with spread and a plot."""

from jaxgan.tools.studies.scaling import set_average, set_batch, updates_for
from jaxgan.tools.studies.study import Study, variant
from jaxgan.tools.studies.study_file import load_study, read_number, read_words

__all__ = ["Study", "load_study", "read_number", "read_words", "set_average", "set_batch", "updates_for", "variant"]
