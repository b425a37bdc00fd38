"""Image files: pixels as a viewer shows them, headers without decoding, ids of a label map, limits on size."""

import contextlib
import functools
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import Image, ImageOps

from jaxgan.data.printable import printable
from jaxgan.data.reading import is_passing, read_file, retried
from jaxgan.data.source import LOAD_THREADS

EXTENSIONS = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
# What a file may hold, whatever it is called. Pillow's other formats are rare, or run programs of their own (EPS).
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "DIB", "GIF", "TIFF", "PPM")
# 8192 x 8192: decoded and converted, some 800 MB for each of the threads that read.
MAX_PIXELS = 2**26
# Progressive JPEGs have about ten; each takes a pass over the whole picture.
MAX_JPEG_SCANS = 500

# What to do about a file that can no longer be read.
REMEDY = (
    "restore it, or remove it, and go on with a run that was trained on it by the same command and --accept_data_change"
)

_TURNED = (5, 6, 7, 8)
_ORIENTATION = 0x0112
_TAIL_BYTES = 64
_TIFF_BITS, _TIFF_PHOTOMETRIC, _TIFF_SAMPLES = 258, 262, 339


class Header(NamedTuple):
    """Header of an image file: size, mode and frames, read before it is decoded.

    Attributes:
      size: (height, width) as a viewer shows it.
      mode: Pillow's, such as 'RGB', 'L', 'P' or 'I;16'.
      frames: pictures in the file; of several, the first is the one that is read.
    """

    size: tuple[int, int]
    mode: str
    frames: int = 1

    @property
    def is_grey(self) -> bool:
        """Whether one channel, perhaps with transparency, holds the picture."""
        return self.mode in ("1", "L", "LA") or self.mode.startswith("I")


def decode(file: str | Path) -> np.ndarray:
    """The pixels as a viewer shows them, uint8 [H, W, C] with C = 1, 3 or 4; of several frames the first.

    Raises:
      ValueError: where the file is no image of ``FORMATS``, has over ``MAX_PIXELS`` pixels or ``MAX_FILE_BYTES`` bytes
        (known before memory is taken), or holds numbers that are no brightness, such as floats.
      OSError: where the file cannot be read, or is truncated.
    """
    return decode_bytes(read_file(file))[0]


def decode_bytes(data: bytes) -> tuple[np.ndarray, Header]:
    """The pixels and the header of an image file's content: see :func:`decode`."""
    with _opened_bytes(data) as opened:
        size, mode = _shown_size(opened), opened.mode
        pixels = _pixels(opened, data)
        return pixels, Header(size, mode, _frames(opened))


def check_pixels(data: bytes) -> Header:
    """The header of a file's content that :func:`decode` takes; otherwise its errors."""
    return decode_bytes(data)[1]


def check_picture(data: bytes) -> Header:
    """The header of a file's content that can be decoded, be its numbers brightness or ids."""
    with _opened_bytes(data) as opened:
        size, mode = _shown_size(opened), opened.mode
        opened.load()
        return Header(size, mode, _frames(opened))


def _opened_bytes(data: bytes) -> contextlib.AbstractContextManager[Image.Image]:
    if data[:2] == b"\xff\xd8" and (scans := data.count(b"\xff\xda")) > MAX_JPEG_SCANS:
        raise ValueError(f"has {scans} scans, more than the {MAX_JPEG_SCANS} that are read; save it again")
    return _opened(io.BytesIO(data))


@contextlib.contextmanager
def _opened(file: BinaryIO) -> Iterator[Image.Image]:
    """The picture, of which no more than the header is read yet."""
    try:
        picture = Image.open(file, formats=_formats())
    except Image.UnidentifiedImageError:
        kinds = ", ".join(_formats())
        raise ValueError(f"no image ({kinds}), or its header is damaged") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ValueError(f"has too many pixels: {_most()}") from error
    with picture:
        width, height = picture.size
        if width * height > MAX_PIXELS:
            raise ValueError(f"has {height}x{width} pixels, {width * height / 1e6:.0f} million: {_most()}")
        yield picture


@functools.cache
def _formats() -> tuple[str, ...]:
    """Those of ``FORMATS`` that this Pillow was built with."""
    Image.init()
    return tuple(kind for kind in FORMATS if kind in Image.OPEN)


def _most() -> str:
    return f"at most {MAX_PIXELS / 1e6:.0f} million are read; shrink it"


def _shown_size(picture: Image.Image) -> tuple[int, int]:
    turned = picture.getexif().get(_ORIENTATION, 1) in _TURNED
    size = picture.size if turned else picture.size[::-1]
    return size[0], size[1]


def _frames(picture: Image.Image) -> int:
    """How many frames; of an MPO, which holds further views of one photo, 1."""
    if picture.format == "MPO":
        return 1
    try:
        return int(getattr(picture, "n_frames", 1))
    # Later frames may be damaged in as many ways as the first; nothing is read of them.
    except Exception as error:
        if is_passing(error):
            raise
        return 1


def _pixels(opened: Image.Image, data: bytes) -> np.ndarray:
    bits = _png_bits(data) if opened.format == "PNG" else 0
    samples = _tiff_samples(opened) if opened.format == "TIFF" else None
    picture = ImageOps.exif_transpose(opened)
    if picture.mode == "F" or (samples and samples.kind != "unsigned") or (samples and picture.mode == "I"):
        raise ValueError(
            f"holds {'floats' if picture.mode == 'F' else 'signed or 32-bit integers'}, whose range is not known; "
            f"convert it to 8 or 16 bits unsigned"
        )
    if picture.mode.startswith("I"):
        return _deep_grey(picture, samples)
    if "transparency" in picture.info and bits:
        _scale_transparency(picture, bits)
    if picture.has_transparency_data:
        return np.asarray((picture.convert("LA") if picture.mode == "La" else picture).convert("RGBA"))
    if picture.mode in ("1", "L"):
        return np.asarray(picture.convert("L"))[:, :, None]
    return np.asarray(picture.convert("RGB"))


def _deep_grey(picture: Image.Image, samples: "_TiffSamples | None") -> np.ndarray:
    """Grey of up to 16 bits: Pillow's own conversion clips at 255 where it should scale."""
    values = np.asarray(picture).astype(np.uint32)
    deepest = 16 if samples is None else samples.bits
    clear = picture.info.get("transparency")
    grey = (values >> (deepest - 8)).astype(np.uint8)[:, :, None]
    if samples is not None and samples.white_is_zero:
        grey = 255 - grey
    if not isinstance(clear, int):
        return grey
    alpha = np.where(values == clear, 0, 255).astype(np.uint8)[:, :, None]
    return np.concatenate([grey, grey, grey, alpha], axis=-1)


def _png_bits(data: bytes) -> int:
    """Bits of a sample, which the first chunk says."""
    return data[24] if data[12:16] == b"IHDR" else 8


def _scale_transparency(picture: Image.Image, bits: int) -> None:
    """A PNG's transparent colour is in the file's own levels; Pillow compares it with pixels stretched to 255."""
    clear = picture.info["transparency"]
    if picture.mode == "L" and bits < 8 and isinstance(clear, int):
        picture.info["transparency"] = clear * (255 // (2**bits - 1))
    if picture.mode == "RGB" and bits == 16:
        raise ValueError("has a transparent colour of 16 bits, which is not read; save it with an alpha channel")


class _TiffSamples(NamedTuple):
    bits: int
    kind: str
    white_is_zero: bool


def _tiff_samples(picture: Image.Image) -> _TiffSamples:
    tags = picture.tag_v2  # type: ignore[attr-defined]
    bits, kind = (np.ravel(tags.get(tag, 1))[0] for tag in (_TIFF_BITS, _TIFF_SAMPLES))
    named = {1: "unsigned", 2: "signed", 3: "float"}.get(int(kind), "unknown")
    return _TiffSamples(int(bits), named, tags.get(_TIFF_PHOTOMETRIC) == 0)


def read_header(file: str | Path) -> Header:
    """The header of an image file.

    Raises:
      ValueError, OSError: as :func:`decode` does, of what the header says.
    """

    def read() -> Header:
        with open(file, "rb") as raw, _opened(raw) as picture:
            return Header(_shown_size(picture), picture.mode, _frames(picture))

    return retried(read, file)


def seems_whole(file: str | Path) -> bool:
    """Whether a file ends as its format has it, which tells truncation without reading it; False where that is not
    certain, as of WebP, which has no mark at its end.
    """

    def ends() -> tuple[bytes, bytes]:
        with open(file, "rb") as raw:
            start, length = raw.read(2), raw.seek(0, io.SEEK_END)
            raw.seek(max(0, length - _TAIL_BYTES))
            return start, raw.read(_TAIL_BYTES).rstrip(b"\0")

    start, end = retried(ends, file)
    marks = {b"\xff\xd8": b"\xff\xd9", b"\x89P": b"IEND\xaeB`\x82"}
    return start in marks and end.endswith(marks[start])


def read_headers(files: Sequence[Path]) -> list[Header]:
    """The headers of files, read by threads.

    Raises:
      ValueError: naming the first that cannot be read.
    """
    with ThreadPoolExecutor(LOAD_THREADS) as pool:
        return list(pool.map(lambda file: _named(file, read_header), files))


def read_pixels(file: str | Path, decoder: Callable[[str | Path], np.ndarray] = decode) -> np.ndarray:
    """Pixels of a file by ``decoder``.

    Raises:
      ValueError: naming a file that cannot be read.
      OSError: naming it, where the disk or the mount fails.
    """
    return _named(file, decoder)


def _named(file: str | Path, read: Callable[[str | Path], "np.ndarray | Header"]):  # type: ignore[no-untyped-def]
    try:
        return read(file)
    except Exception as error:  # Pillow's decoders raise a dozen kinds on damaged files
        if is_passing(error):
            raise
        raise ValueError(f"cannot read {printable(str(file))}: {reason(error)}; {REMEDY}") from error


def reason(error: Exception) -> str:
    """Why a file cannot be read, in one line without the file's name."""
    if isinstance(error, ValueError) and not isinstance(error, UnicodeError):
        return str(error)
    if isinstance(error, OSError) and error.errno is not None:
        return f"cannot be read: {error.strerror}"
    return f"{type(error).__name__}: {error}"


def decode_ids(file: str | Path) -> np.ndarray:
    """The ids of a label map, integers [H, W, 1]: grey levels, or a palette's indices, whatever its colours.

    Raises:
      ValueError: where the file has several channels, and as :func:`decode` does.
    """
    with _opened_bytes(read_file(file)) as opened:
        picture = ImageOps.exif_transpose(opened)
        if picture.mode not in ("1", "L", "P") and not picture.mode.startswith("I"):
            raise ValueError(
                f"a label map must have one channel or a palette, this has mode {picture.mode}; store ids, not colours"
            )
        ids = np.asarray(picture)
        return (ids.astype(np.uint8) if ids.dtype == np.bool_ else ids)[:, :, None]


def common_size(files: Iterable[Path], headers: Iterable[Header], advice: str) -> tuple[int, int]:
    """The (height, width) that all have.

    Raises:
      ValueError: naming two that differ, with ``advice``.
    """
    pairs = list(zip(files, headers))
    first, size = pairs[0][0], pairs[0][1].size
    for file, header in pairs:
        if header.size != size:
            raise ValueError(
                f"images differ in size: {printable(str(first))} is {size[0]}x{size[1]}, {printable(str(file))} "
                f"{header.size[0]}x{header.size[1]}; {advice}"
            )
    return size
