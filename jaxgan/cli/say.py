"""Printing of a verb's answer, whatever names of elsewhere it holds."""

from jaxgan.data.printable import printable


def say(text: str = "") -> None:
    """Prints ``text`` and a line break to stdout; what a terminal would act on, line breaks and tabs except, comes as
    its escape.
    """
    print(printable(text, lines=True), flush=True)
