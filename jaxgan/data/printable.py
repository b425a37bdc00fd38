"""Text of elsewhere (file names, class names, messages of libraries) as a terminal may show it."""


def printable(text: str, *, lines: bool = False) -> str:
    """``text`` with everything that a terminal would act on, or cannot show, as its escape in Python: control
    characters and so escape sequences, marks that turn the direction of writing, bytes that are no UTF-8 (the lone
    surrogates that Python reads them as), spaces of no width.

    Args:
      text: from a file's name, say, which may hold anything.
      lines: whether line breaks and tabs are the text's own and stay, as in a whole message; in a name they do not.
    """
    if text.isascii() and text.isprintable():
        return text
    kept = "\n\t" if lines else ""
    return "".join(letter if letter.isprintable() or letter in kept else _escaped(letter) for letter in text)


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")
