import pytest

from jaxgan.data.printable import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("cat.png", "cat.png"),
        ("Katze ä 猫.png", "Katze ä 猫.png"),
        ("\x1b[2J\x1b]0;x\x07", r"\x1b[2J\x1b]0;x\x07"),
        ("a\nb\tc\rd", r"a\nb\tc\rd"),
        ("\x9b31m", r"\x9b31m"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        (b"caf\xe9".decode("utf-8", "surrogateescape"), r"caf\udce9"),
    ],
)
def test_what_a_terminal_would_act_on_is_an_escape(text, shown):
    assert printable(text) == shown and shown.isprintable()
    shown.encode()


def test_a_message_keeps_its_lines():
    assert printable("one\ttwo\nthree\x1b", lines=True) == "one\ttwo\nthree\\x1b"
