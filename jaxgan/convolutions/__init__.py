"""Convolutions in the form that is the fastest on the processor at hand, whatever layer or gradient they come from."""

from jaxgan.convolutions.convolution import Convolution, convolution_of
from jaxgan.convolutions.forms import convolve, forms_of
from jaxgan.convolutions.measure import choose_by_measuring, fastest, timed_forms
from jaxgan.convolutions.rewrite import Choose, Chosen, WithForms, convolutions_in, in_forms

__all__ = [
    "Choose",
    "Chosen",
    "Convolution",
    "WithForms",
    "choose_by_measuring",
    "convolution_of",
    "convolutions_in",
    "convolve",
    "fastest",
    "forms_of",
    "in_forms",
    "timed_forms",
]
