"""One table of images as they come: each is read as a viewer shows it, or left out by name with the reason, for
training and for scoring.
"""

import io
import logging
import os
import re
import socket
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from jaxgan.data import folder_source, to_channels
from jaxgan.data.image_files import decode
from jaxgan.data.image_set import open_images

SIDE = 8
RAMP = np.arange(0, 256, 4, dtype=np.uint8).reshape(SIDE, SIDE)
RGB = np.stack([RAMP, RAMP.T, 255 - RAMP], -1)


def saved(picture: Image.Image | np.ndarray, kind: str, **options) -> bytes:
    file = io.BytesIO()
    (picture if isinstance(picture, Image.Image) else Image.fromarray(picture)).save(file, kind, **options)
    return file.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(size, bits, colour, rows, *extra: bytes) -> bytes:
    """A PNG by hand: (height, width), bits a sample, colour type, rows of bytes, chunks before the data."""
    header = struct.pack(">IIBBBBB", size[1], size[0], bits, colour, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + bytes(row) for row in rows))
    return b"\x89PNG\r\n\x1a\n" + b"".join([chunk(b"IHDR", header), *extra, chunk(b"IDAT", data), chunk(b"IEND", b"")])


def deep(values: np.ndarray, *extra: bytes, colour: int = 0) -> bytes:
    big = values.astype(">u2")
    return png(values.shape[:2], 16, colour, [row.tobytes() for row in big], *extra)


def few_bits(values: np.ndarray, bits: int, *extra: bytes) -> bytes:
    rows = [np.packbits(np.unpackbits(row[:, None], axis=1)[:, 8 - bits :]).tobytes() for row in values]
    return png(values.shape, bits, 0, rows, *extra)


def tiff(pixels: np.ndarray, tags: dict[int, tuple[str, tuple[int, ...]]], order: str = "<") -> bytes:
    """A TIFF by hand, of one strip and the tags that are given next to the necessary ones."""
    data = pixels.tobytes()
    height, width = pixels.shape[:2]
    entries = {256: ("H", (width,)), 257: ("H", (height,)), 259: ("H", (1,)), 273: ("I", (8,)), 277: ("H", (1,))}
    entries |= {278: ("H", (height,)), 279: ("I", (len(data),)), **tags}
    kinds = {"H": 3, "I": 4}
    listed = b""
    for tag, (kind, values) in sorted(entries.items()):
        packed = struct.pack(f"{order}{len(values)}{kind}", *values).ljust(4, b"\0")
        assert len(packed) == 4
        listed += struct.pack(f"{order}HHI", tag, kinds[kind], len(values)) + packed
    start = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8 + len(data))
    return start + data + struct.pack(f"{order}H", len(entries)) + listed + struct.pack(f"{order}I", 0)


def samples(bits: int, kind: int = 1, photometric: int = 1) -> dict[int, tuple[str, tuple[int, ...]]]:
    return {258: ("H", (bits,)), 262: ("H", (photometric,)), 339: ("H", (kind,))}


def exif(orientation: int) -> Image.Exif:
    found = Image.Exif()
    found[0x0112] = orientation
    return found


def pages(kind: str) -> bytes:
    first, rest = Image.fromarray(RGB), [Image.fromarray(255 - RGB)] * 2
    options = {"WEBP": {"lossless": True}, "GIF": {"disposal": 2}}.get(kind, {})
    return saved(first.quantize(256) if kind == "GIF" else first, kind, save_all=True, append_images=rest, **options)


def palette(*, clear: int | None = None) -> bytes:
    picture = Image.fromarray(RAMP).convert("P", palette=Image.Palette.ADAPTIVE)
    return saved(picture, "PNG", **({} if clear is None else {"transparency": clear}))


def on_white(pixels: np.ndarray, clear: np.ndarray) -> np.ndarray:
    return np.where(clear, 255, pixels)


DEEP_RGB = [(row.astype(">u2") * 257).astype(">u2").tobytes() for row in RGB]
GREY16 = RAMP.astype(np.uint16) * 257
FOUR = np.arange(64, dtype=np.uint8).reshape(8, 8) % 4
SIXTEEN = np.arange(64, dtype=np.uint8).reshape(8, 8) % 16
JPEG = saved(RGB, "JPEG", quality=95)
SHOWN_JPEG = np.asarray(Image.open(io.BytesIO(JPEG)))
FILTERED = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)


class Reads(NamedTuple):
    """A file that is read: its name, its content, its picture [H, W] or [H, W, 3], and how far off it may be."""

    file: str | bytes
    content: bytes
    shown: np.ndarray
    tolerance: int = 0
    says: str = ""


class Skips(NamedTuple):
    """A file that is left out: its name, its content or what makes it, and the reason that is given."""

    file: str
    content: bytes | Callable[[Path], object]
    reason: str


READ = {
    "grey": Reads("x.png", saved(RAMP, "PNG"), RAMP),
    "rgb": Reads("x.png", saved(RGB, "PNG"), RGB),
    "16-bit grey": Reads("x.png", deep(GREY16), RAMP),
    "16-bit grey, one colour transparent": Reads(
        "x.png", deep(GREY16, chunk(b"tRNS", struct.pack(">H", 40 * 257))), on_white(RAMP, RAMP == 40)
    ),
    "16-bit grey, transparent colour of the same upper byte": Reads(
        "x.png", deep(GREY16, chunk(b"tRNS", struct.pack(">H", 40 * 257 + 1))), RAMP
    ),
    "16-bit rgb": Reads("x.png", png((8, 8), 16, 2, DEEP_RGB), RGB),
    "1 bit": Reads("x.png", saved(Image.fromarray(RAMP > 100), "PNG"), np.where(RAMP > 100, 255, 0)),
    "1 bit, black transparent": Reads("x.png", few_bits(FOUR % 2, 1, chunk(b"tRNS", b"\0\0")), np.full((8, 8), 255)),
    "2 bits": Reads("x.png", few_bits(FOUR, 2), FOUR * 85),
    "2 bits, one level transparent": Reads(
        "x.png", few_bits(FOUR, 2, chunk(b"tRNS", b"\0\2")), on_white(FOUR * 85, FOUR == 2)
    ),
    "4 bits, one level transparent": Reads(
        "x.png", few_bits(SIXTEEN, 4, chunk(b"tRNS", b"\0\5")), on_white(SIXTEEN * 17, SIXTEEN == 5)
    ),
    "8 bits, one level transparent": Reads(
        "x.png", png((8, 8), 8, 0, RAMP, chunk(b"tRNS", b"\0\x28")), on_white(RAMP, RAMP == 40)
    ),
    "rgb, one colour transparent": Reads(
        "x.png",
        png((8, 8), 8, 2, RGB.reshape(8, 24), chunk(b"tRNS", struct.pack(">3H", *map(int, RGB[0, 0])))),
        on_white(RGB, (RGB[0, 0] == RGB).all(-1, keepdims=True)),
    ),
    "palette": Reads("x.png", palette(), RAMP),
    "palette, one colour transparent": Reads(
        "x.png",
        saved(Image.fromarray(np.zeros((8, 8), np.uint8)).convert("P"), "PNG", transparency=0),
        np.full((8, 8), 255),
    ),
    "transparent": Reads("x.png", saved(np.zeros((8, 8, 4), np.uint8), "PNG"), np.full((8, 8, 3), 255)),
    "grey with alpha": Reads("x.png", saved(np.stack([RAMP, np.full_like(RAMP, 255)], -1), "PNG"), RAMP),
    "turned by its metadata": Reads("x.png", saved(np.rot90(RGB).copy(), "PNG", exif=exif(6)), RGB),
    "mirrored by its metadata": Reads("x.png", saved(RGB[:, ::-1].copy(), "PNG", exif=exif(2)), RGB),
    "metadata that is damaged": Reads("x.png", saved(RGB, "PNG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff"), RGB),
    "bytes after the end": Reads("x.png", saved(RGB, "PNG") + b"more", RGB),
    "jpeg": Reads("x.jpg", JPEG, SHOWN_JPEG),
    "jpeg in capitals": Reads("x.JPEG", JPEG, SHOWN_JPEG),
    "jpeg called png": Reads("x.png", JPEG, SHOWN_JPEG),
    "jpeg with zeros after the end": Reads("x.jpg", JPEG + b"\0" * 100, SHOWN_JPEG),
    "jpeg with bytes after the end": Reads("x.jpg", JPEG + b"camera's own" * 9, SHOWN_JPEG),
    "progressive jpeg": Reads("x.jpg", saved(RGB, "JPEG", quality=95, progressive=True), SHOWN_JPEG),
    "grey jpeg": Reads("x.jpg", saved(RAMP, "JPEG", quality=100), RAMP, 4),
    "cmyk jpeg": Reads("x.jpg", saved(Image.fromarray(RGB).convert("CMYK"), "JPEG", quality=100), RGB, 12),
    "turned jpeg": Reads("x.jpg", saved(np.rot90(RGB).copy(), "JPEG", quality=100, exif=exif(6)), RGB, 40),
    "webp": Reads("x.webp", saved(RGB, "WEBP", lossless=True), RGB),
    "webp with alpha": Reads(
        "x.webp", saved(np.zeros((8, 8, 4), np.uint8), "WEBP", lossless=True, exact=True), np.full((8, 8, 3), 255)
    ),
    "animated webp": Reads("x.webp", pages("WEBP"), RGB, says="the first frame is taken of 1: "),
    "animated png": Reads("x.png", pages("PNG"), RGB, says="the first frame is taken of 1: "),
    "animated gif called png": Reads("x.png", pages("GIF"), RGB, 40, says="the first frame is taken of 1: "),
    "tiff of pages called png": Reads("x.png", pages("TIFF"), RGB, says="the first frame is taken of 1: "),
    "bmp": Reads("x.bmp", saved(RGB, "BMP"), RGB),
    "grey bmp": Reads("x.bmp", saved(RAMP, "BMP"), RAMP),
    "bmp of one bit": Reads("x.bmp", saved(Image.fromarray(RAMP > 100), "BMP"), np.where(RAMP > 100, 255, 0)),
    "gif called png": Reads("x.png", saved(RAMP, "GIF"), RAMP),
    "ppm called png": Reads("x.png", saved(RGB, "PPM"), RGB),
    "16-bit pgm called png": Reads("x.png", b"P5 8 8 65535\n" + GREY16.astype(">u2").tobytes(), RAMP),
    "8-bit tiff called png": Reads("x.png", tiff(RAMP, samples(8)), RAMP),
    "tiff, white is 0": Reads("x.png", tiff(RAMP, samples(8, photometric=0)), 255 - RAMP),
    "16-bit tiff": Reads("x.png", tiff(GREY16.astype("<u2"), samples(16)), RAMP),
    "16-bit tiff, big-endian": Reads("x.png", tiff(GREY16.astype(">u2"), samples(16), ">"), RAMP),
    "16-bit tiff, white is 0": Reads("x.png", tiff(GREY16.astype("<u2"), samples(16, photometric=0)), 255 - RAMP),
    "a point": Reads("x.png", saved(RAMP[:1, :1], "PNG"), RAMP[:1, :1]),
    "a line": Reads("x.png", saved(RAMP[:1], "PNG"), RAMP[:1]),
    "a name that is no UTF-8": Reads(b"caf\xe9.png", saved(RGB, "PNG"), RGB),
    "a name that moves the cursor": Reads("\x1b[2Jx.png", pages("PNG"), RGB, says="\\x1b[2Jx.png"),
    "a name of two lines": Reads("one\ntwo.png", pages("PNG"), RGB, says="one\\ntwo.png"),
}


def sparse(size: int) -> Callable[[Path], object]:
    def make(path: Path) -> None:
        with path.open("wb") as file:
            file.write(b"\x89PNG\r\n\x1a\n")
            file.truncate(size)

    return make


def unix_socket(path: Path) -> None:
    here = os.getcwd()
    os.chdir(path.parent)  # the address is limited to some hundred bytes
    try:
        socket.socket(socket.AF_UNIX).bind(path.name)
    finally:
        os.chdir(here)


def loop(path: Path) -> None:
    path.symlink_to(path.name)


def scans(count: int) -> bytes:
    whole = saved(FILTERED, "JPEG", progressive=True)
    start = whole.rindex(b"\xff\xda")
    return whole[:start] + whole[start:-2] * count + whole[-2:]


PNG = saved(FILTERED, "PNG")
SKIPPED = {
    "empty": Skips("x.png", b"", "no image"),
    "zeros": Skips("x.png", b"\0" * 5000, "no image"),
    "text": Skips("x.png", b"hello", "no image"),
    "a login page": Skips("x.jpg", b"<!DOCTYPE html><html><body>Sign in</body></html>", "no image"),
    "a pointer of git-lfs": Skips("x.png", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "no image"),
    "a drawing": Skips("x.png", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no image"),
    "a document": Skips("x.png", b"%PDF-1.4\n", "no image"),
    "a program for a printer": Skips(
        "x.png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n(x) run\n%%EOF\n", "no image"
    ),
    "an icon called png": Skips("x.png", saved(RGB, "ICO"), "no image"),
    "a tiff by name": Skips("x.tif", saved(RGB, "TIFF"), "not one of .png"),
    "a gif by name": Skips("x.gif", saved(RAMP, "GIF"), "not one of .png"),
    "an icon by name": Skips("x.ico", saved(RGB, "ICO"), "not one of .png"),
    "notes": Skips("notes.txt", b"no image", "not one of .png"),
    "no extension": Skips("picture", PNG, "not one of .png"),
    **{f"png cut at {cut}": Skips("x.png", PNG[:cut], "") for cut in (4, 20, 33, 60, len(PNG) // 2, len(PNG) - 40)},
    **{f"jpeg cut at {cut}": Skips("x.jpg", JPEG[:cut], "") for cut in (3, 100, len(JPEG) // 2)},
    "webp cut": Skips("x.webp", saved(FILTERED, "WEBP")[:200], ""),
    "bmp cut": Skips("x.bmp", saved(FILTERED, "BMP")[:200], "truncated"),
    "damaged header": Skips("x.png", PNG[:19] + b"\x41" + PNG[20:], ""),
    "damaged pixels": Skips("x.png", png((8, 8), 8, 0, RAMP).replace(b"IDAT\x78", b"IDAT\x79"), ""),
    "no pixels": Skips("x.png", PNG[:33] + chunk(b"IEND", b""), ""),
    "too few pixels": Skips("x.png", png((64, 64), 8, 0, RAMP), "truncated"),
    "no width": Skips("x.png", png((8, 0), 8, 0, []), ""),
    "169 million pixels": Skips("x.png", png((13000, 13000), 8, 0, []), "13000x13000 pixels, 169 million: at most 67"),
    "4 thousand million pixels": Skips("x.png", png((65000, 65000), 8, 0, []), "too many pixels: at most 67 million"),
    "a gif of a huge screen": Skips(
        "x.png", saved(RAMP, "GIF").replace(b"a\x08\0\x08\0", b"a\xff\xff\xff\xff", 1), "too many pixels"
    ),
    "a jpeg of a huge size": Skips(
        "x.jpg", re.sub(rb"(?<=\xff\xc0\0\x11\x08)....", b"\xff\xdc" * 2, JPEG, count=1, flags=re.S), "too many pixels"
    ),
    "thousands of scans": Skips("x.jpg", scans(3000), "scans, more than the 500 that are read"),
    "a comment that unfolds": Skips(
        "x.png", png((8, 8), 8, 0, RAMP, *[chunk(b"zTXt", b"a\0\0" + zlib.compress(b"\0" * 2**22))] * 40), ""
    ),
    "a gigabyte and a half": Skips("x.png", sparse(3 * 2**29), "has 1.6 GB, more than the 1.1 GB that are read"),
    "floats": Skips("x.png", tiff(RAMP.astype("<f4"), samples(32, 3)), "holds floats, whose range is not known"),
    "32-bit integers": Skips("x.png", tiff(RAMP.astype("<u4"), samples(32)), "integers, whose range is not known"),
    "signed 16-bit integers": Skips("x.png", tiff(RAMP.astype("<i2"), samples(16, 2)), "whose range is not known"),
    "signed 8-bit integers": Skips("x.png", tiff(RAMP, samples(8, 2)), "whose range is not known"),
    "64-bit floats": Skips("x.png", tiff(RAMP.astype("<f8"), samples(64, 3)), ""),
    "a transparent colour of 16 bits": Skips(
        "x.png",
        png((8, 8), 16, 2, DEEP_RGB, chunk(b"tRNS", struct.pack(">3H", 1, 2, 3))),
        "transparent colour of 16 bits",
    ),
    "a FIFO": Skips("x.png", os.mkfifo, "a FIFO, not a regular file"),
    "a socket": Skips("x.png", unix_socket, "a socket, not a regular file"),
    "a device": Skips("x.png", lambda path: path.symlink_to("/dev/zero"), "a device, not a regular file"),
    "a link that leads nowhere": Skips("x.png", lambda path: path.symlink_to("gone.png"), "a link that leads nowhere"),
    "a link to itself": Skips("x.png", loop, ""),
}  # fmt: skip


def place(root: Path, file: str | bytes, content: bytes | Callable[[Path], object]) -> None:
    """One good picture, 'a.png', and the file, in the folder of one class."""
    (root / "cat").mkdir(parents=True)
    Image.fromarray(RGB).save(root / "cat" / "a.png")
    path = root / "cat" / os.fsdecode(file)
    content(path) if callable(content) else path.write_bytes(content)


def test_the_table_is_long_enough():
    assert len(READ) + len(SKIPPED) >= 70


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("case", READ)
def test_read_as_a_viewer_shows_it(tmp_path, caplog, case):
    file, content, shown, tolerance, says = READ[case]
    place(tmp_path, file, content)
    path = tmp_path / "cat" / os.fsdecode(file)
    shown = shown if shown.ndim == 3 else np.repeat(shown[..., None], 3, -1)
    found = to_channels(decode(path), 3).astype(int)
    assert found.shape == shown.shape and np.abs(found - shown).max() <= tolerance
    trained = folder_source(tmp_path, shown.shape[:2], 3)
    scored = open_images(str(tmp_path), image_size=shown.shape[:2])
    for source in (trained, scored.source):
        assert source.length == 2 and source.rejected == ()
        (index,) = (i for i in range(2) if source.names(i) != "cat/a")
        images = source.fetch(np.array([index]))["image"].astype(int)
        assert np.abs(images - shown).max() <= tolerance
    assert trained.version == scored.version
    assert says in caplog.text if says else not caplog.records
    assert caplog.text.isprintable() or "\x1b" not in caplog.text


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("case", SKIPPED)
def test_left_out_by_name_with_the_reason(tmp_path, caplog, case):
    file, content, reason = SKIPPED[case]
    place(tmp_path, file, content)
    for opened in (
        lambda: folder_source(tmp_path, (8, 8), 3),
        lambda: open_images(str(tmp_path), image_size=(8, 8)).source,
    ):
        caplog.clear()
        with caplog.at_level(logging.WARNING, "jaxgan.data"):
            source = opened()
        assert source.length == 1 and source.rejected == (f"cat/{file}",)
        (message,) = (record.getMessage() for record in caplog.records)
        assert re.search(rf"left out 1: cat/{re.escape(file)} \(.*{re.escape(reason)}", message), message
        assert "\n" not in message


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("case", ["floats", "169 million pixels", "text", "png cut at 60"])
def test_a_set_of_nothing_else_is_one_sentence(tmp_path, case):
    file, content, reason = SKIPPED[case]
    place(tmp_path, file, content)
    (tmp_path / "cat" / "a.png").unlink()
    for opened in (lambda: folder_source(tmp_path, (8, 8), 3), lambda: open_images(str(tmp_path))):
        with pytest.raises(ValueError, match=rf"cat/{file} \(.*{reason}") as raised:
            opened()
        assert "\n" not in str(raised.value)
