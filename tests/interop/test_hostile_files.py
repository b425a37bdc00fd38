"""Hostile files: weights, arrays and images made to run code, to hang, or to take all memory.

One process of limited memory reads them all: nothing runs, and each is refused by name, in seconds, before memory is
taken.
"""

import io
import json
import os
import pickle
import pickletools
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.faults

# Of the reading process, on top of what it takes to start.
MEMORY_BYTES = 2**30
SECONDS_EACH = 20
MAGIC = b"".join(pickle.dumps(x, 2) for x in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}))
STORAGE = b"(U\x07storagectorch\nFloatStorage\nU\x010U\x03cpuK\x04tQ"
REBUILD = b"ctorch._utils\n_rebuild_tensor_v2\n"


def zipped(records: Mapping[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in records.items():
            archive.writestr(name, content)
    return file.getvalue()


def pth(body: bytes) -> bytes:
    """A checkpoint whose pickle is ``body``, with one storage."""
    return zipped({"w/data.pkl": b"\x80\x02" + body + b".", "w/data/0": b"\0" * 16})


def doubled(leaf: bytes, pair: bytes, times: int = 60) -> bytes:
    """A container of two of a container of two ...: 2**times leaves, of a few bytes each level."""
    levels = b"".join(b"q" + bytes([n]) + b"0h" + bytes([n]) + b"h" + bytes([n]) + pair for n in range(times))
    return leaf + levels


TUPLES = doubled(b")", b"\x86")
# Two references to the list before, appended to a new one.
LISTS = b"]" + b"".join(b"q%c0](h%ch%ce" % (n, n, n) for n in range(60))
DICTS = b"}" + b"".join(b"q%c0}(U\x01ah%cU\x01bh%cu" % (n, n, n) for n in range(60))


def npy(shape: str, descr: str = "'|u1'", data: bytes = b"\0" * 64, version: bytes = b"\x01\x00") -> bytes:
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY" + version + struct.pack("<H" if version == b"\x01\x00" else "<I", len(header)) + header + data


def unfolding(name: str, shape: tuple[int, ...], **more: bytes) -> bytes:
    """An .npz with zeros of a shape under a name, packed into a few hundred times less, and more arrays."""
    file, size = io.BytesIO(), int(np.prod(shape))
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for other, content in more.items():
            archive.writestr(f"{other}.npy", content)
        with archive.open(f"{name}.npy", "w") as member:
            member.write(npy(str(shape), data=b""))
            for start in range(0, size, 2**20):
                member.write(bytes(min(2**20, size - start)))
    return file.getvalue()


def npz(images: bytes, compression: int = zipfile.ZIP_DEFLATED, **more: bytes) -> bytes:
    return zipped({"images.npy": images, **{f"{name}.npy": content for name, content in more.items()}}, compression)


def array(values) -> bytes:
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


def forged(data: bytes, name: bytes, size: int) -> bytes:
    """A zip archive whose directory claims another size of a record."""
    bad = bytearray(data)
    entry = bad.rindex(b"PK\x01\x02", 0, bad.rindex(name))
    bad[entry + 20 : entry + 28] = struct.pack("<II", min(size, len(data)), size)
    return bytes(bad)


def safetensors(header: object, data: bytes = b"\0" * 16, *, claims: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if claims is None else claims) + text + data


def entry(shape, begin=0, end=16, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *extra: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(b"\0" * 10**6)
    return b"\x89PNG\r\n\x1a\n" + b"".join([chunk(b"IHDR", header), *extra, chunk(b"IDAT", data), chunk(b"IEND", b"")])


def calls(module: str, name: str, argument: str) -> bytes:
    return f"c{module}\n{name}\n".encode() + b"X" + struct.pack("<I", len(argument)) + argument.encode() + b"\x85R"


def colliding(count: int = 20_000) -> bytes:
    """Integers of one hash, as keys: each is compared with all before it."""
    prime = 2**61 - 1
    keys = (pickle.encode_long(prime * number) for number in range(1, count + 1))
    return b"}(" + b"".join(b"\x8a" + bytes([len(key)]) + key + b"N" for key in keys) + b"u"


def weights(sign: Path) -> dict[str, bytes]:
    """Files of weights by name; those that would run code create ``sign``."""
    touch = f"touch {sign}"
    code = f"open({str(sign)!r}, 'w')"
    run = {
        "os.system": calls("os", "system", touch),
        "posix.system": calls("posix", "system", touch),
        "builtins.eval": calls("builtins", "eval", code),
        "builtins.exec": calls("builtins", "exec", code),
        "subprocess.getoutput": calls("subprocess", "getoutput", touch),
        "runpy.run_path": calls("runpy", "run_path", str(sign)),
        "webbrowser.open": calls("webbrowser", "open", f"file://{sign}"),
        "torch.load": calls("torch", "load", str(sign)),
        "numpy.load": calls("numpy", "load", str(sign)),
        "codecs.decode": calls("codecs", "decode", "x"),
        "protocol 0": f"cos\nsystem\n(S'{touch}'\ntR".encode(),
        "stack global": b"\x8c\x05posix\x8c\x06system\x93\x8c" + bytes([len(touch)]) + touch.encode() + b"\x85R",
        "an instance": f"(S'{touch}'\nios\nsystem\n".encode(),
        "an object": b"(cos\nsystem\nX" + struct.pack("<I", len(touch)) + touch.encode() + b"o",
        "a new object": b"cos\nsystem\nX" + struct.pack("<I", len(touch)) + touch.encode() + b"\x85\x81",
        "an extension": b"\x82\x01",
        "attributes of a function": REBUILD + b"}U\x0c__defaults__)sb",
    }
    hang = {
        "tuples as a key": b"}(" + TUPLES + b"Nu",
        "tuples as a key, one by one": b"}" + TUPLES + b"Ns",
        "tuples as a key of a dictionary from a mark": b"(" + TUPLES + b"Nd",
        "tuples in a set": b"\x8f(" + TUPLES + b"\x90",
        "tuples in a frozen set": b"(" + TUPLES + b"\x91",
        "tuples as a key of an ordered dictionary": b"ccollections\nOrderedDict\n](" + TUPLES + b"N\x86e\x85R",
        "tuples as the name of a tensor": b"}U\x0astate_dict}(" + TUPLES + b"Nus",
        "tuples as a size": REBUILD + b"(" + STORAGE + b"K\0" + TUPLES + TUPLES + b"tR",
        "tuples as an offset": REBUILD + b"(" + STORAGE + TUPLES + b"))" + b"tR",
        "lists as flags": REBUILD + b"(" + STORAGE + b"K\0))\x89}" + LISTS + b"tR",
        "dictionaries as flags": REBUILD + b"(" + STORAGE + b"K\0))\x89}" + DICTS + b"tR",
        "lists as the whole": LISTS,
        "dictionaries as the whole": b"}U\x0astate_dict" + DICTS + b"s",
        "a storage of tuples": b"(U\x07storagectorch\nFloatStorage\n" + TUPLES + b"U\x03cpuK\x04tQ",
        "a size of tuples": b"ctorch\nSize\n" + TUPLES + b"\x85R",
        "a dictionary in itself": b"}q\0U\x0astate_dicth\0s",
        "a list in itself": b"]q\0h\0a",
        "a hundred thousand levels": b"]" * 100_000 + b"a" * 99_999,
        "keys of one hash": colliding(),
        "numbers of one hash in the memo": b"N" + b"".join(b"p%d\n" % ((2**61 - 1) * n) for n in range(1, 40_000)),
        "long arguments again and again": b"("
        + b"N" * 500_000
        + b"tq\0"
        + (REBUILD + b"q\x010")
        + b"h\x01h\0R0" * 10**5,
        "a long size again and again": b"ctorch\nSize\nq\x010("
        + b"K\0" * 400_000
        + b"tq\x000"
        + b"h\x01h\0\x85R0" * 10**5,
        "long pairs again and again": b"ccollections\nOrderedDict\nq\x010]("
        + b"NN\x86" * 10**5
        + b"eq\x000"
        + b"h\x01h\0\x85R0" * 10**5,
        "a product of long numbers": REBUILD
        + b"("
        + STORAGE
        + b"K\0(\x8b"
        + struct.pack("<i", 10**6)
        + b"\x7f" * 10**6
        + b"q\x07"
        + b"h\x07" * 60
        + b"tq\x08h\x08tR",
        "a long number in decimals": b"L" + b"9" * 10**6 + b"L\n",
    }
    memory = {
        "three million lists": b"]" * 3 * 10**6,
        "a byte array of a terabyte": b"\x96" + struct.pack("<Q", 2**40),
        "a string of a terabyte": b"\x8d" + struct.pack("<Q", 2**40),
        "bytes of an exabyte": b"\x8e" + struct.pack("<Q", 2**60),
        "a frame of a terabyte": b"\x95" + struct.pack("<Q", 2**40),
        "a memo of four thousand million": b"Nr\xff\xff\xff\xff",
        "a tensor of a terabyte": b"}U\x01a"
        + REBUILD
        + b"("
        + STORAGE
        + b"K\0\x8a\x06"
        + struct.pack("<Q", 2**40)[:6]
        + b"\x85K\0\x85tRs",
        "a storage of an exabyte": b"}U\x01a"
        + REBUILD
        + b"("
        + STORAGE.replace(b"K\x04", b"\x8a\x08" + b"\xff" * 7 + b"\x0f")
        + b"K\0K\x01\x85K\x01\x85tRs",
        "a thousand axes": REBUILD + b"(" + STORAGE + b"K\0(" + b"K\x01" * 1000 + b"tq\x05h\x05tR",
    }
    bodies = {**run, **hang, **memory}
    files = {f"{name}.pth": pth(body) for name, body in bodies.items()}
    files |= {
        f"legacy, {name}.pth": MAGIC + b"\x80\x02" + body + b"." for name, body in bodies.items() if name in LEGACY
    }
    whole = pth(b"}U\x01a" + REBUILD + b"(" + STORAGE + b"K\0K\x04\x85K\x01\x85tRs")
    state = {"w/data.pkl": b"\x80\x02}.", "w/data/0": b"\0" * 10**6}
    files |= {
        "a compressed record.pth": zipped(state, zipfile.ZIP_DEFLATED),
        "a record that claims gigabytes.pth": forged(whole, b"w/data/0", 2**32 - 1),
        "storages of tuples.pth": MAGIC + pickle.dumps({}, 2) + b"\x80\x02" + TUPLES + b".",
        "storages that are nested.pth": MAGIC + pickle.dumps({}, 2) + b"\x80\x02](" + TUPLES + b"e.",
        "a magic number of tuples.pth": b"\x80\x02" + TUPLES + b".",
        "a protocol of tuples.pth": pickle.dumps(0x1950A86A20F9469CFC6C, 2) + b"\x80\x02" + TUPLES + b".",
        "msgpack of a terabyte.msgpack": b"\xdd\xff\xff\xff\xff" + b"\x91" * 10**5,
        "msgpack.msgpack": b"\x81\xa6params\xc7\x03\x01abc",
        "hdf5.h5": b"\x89HDF\r\n\x1a\n" + b"\0" * 100,
        "onnx.onnx": b"\x08\x07\x12\x07pytorch" + b"\xff" * 100,
        "tar.pth": b"\0" * 257 + b"ustar\0" + b"\0" * 249,
    }
    deep = b'{"__metadata__":' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"}"
    files |= {
        "a header of an exabyte.safetensors": safetensors(b"{}", claims=2**60),
        "a header of megabytes.safetensors": safetensors(b"{" + b" " * (2**25 - 2) + b"}"),
        "a header that is nested.safetensors": safetensors(deep),
        "a shape that overflows.safetensors": safetensors({"a": entry([2**32, 2**32])}),
        "a shape of an exabyte.safetensors": safetensors({"a": entry([2**60])}),
        "an endless empty shape.safetensors": safetensors({"a": entry([0, 2**63], end=0)}, b""),
        "offsets that overlap.safetensors": safetensors({"a": entry([4]), "b": entry([4])}),
        "offsets past the end.safetensors": safetensors({"a": entry([2**40], end=2**42)}),
        "an unknown type.safetensors": safetensors({"a": entry([4], dtype="PICKLE")}),
        "text.safetensors": safetensors(b"{not json"),
    }
    return files


LEGACY = {"os.system", "stack global", "tuples as a key", "lists as flags", "keys of one hash",
          "a byte array of a terabyte"}  # fmt: skip


def arrays(sign: Path) -> dict[str, bytes]:
    """Files of images and statistics by name."""
    objects = b"\x80\x02" + calls("os", "system", f"touch {sign}") + b"."
    good = array(np.zeros((2, 4, 4, 3), np.uint8))
    made = {
        "gigabytes of zeros": unfolding("images", (100, 1000, 1000, 3)),
        "a header of terabytes": npz(npy("(1000000, 1000, 1000, 3)")),
        "a header of more than there are numbers for": npz(npy("(9223372036854775807, 9223372036854775807, 4, 3)")),
        "a header of less than is there": npz(npy("(1, 2, 2, 3)", data=b"\0" * 10**6)),
        "a negative shape": npz(npy("(-1, 4, 4, 3)")),
        "a shape of truths": npz(npy("(True, 4, 4, 3)")),
        "a nested header": npz(npy("(" * 5000 + ")" * 5000)),
        "a header that calls": npz(npy("().__class__")),
        "a header of names": npz(npy("(2,)", "__import__('os')")),
        "an item of gigabytes": npz(npy("(1,)", "'|V2147483647'")),
        "text of gigabytes": npz(npy("(4,)", "'<U536870911'")),
        "objects": npz(npy("(1,)", "'|O'", objects)),
        "objects in a record": npz(npy("(1,)", "[('a', '|O')]", objects)),
        "objects as labels": npz(good, labels=npy("(2,)", "'|O'", objects)),
        "a header of the third version": npz(npy("(1, 4, 4, 3)", version=b"\x03\x00")),
        "no header": npz(b"\x93NUMPY"),
        "no array": npz(objects),
        "a label of fifty million": npz(good, labels=array(np.array([0, 50_000_000]))),
        "a label of an exa": npz(good, labels=array(np.array([0, 2**62]))),
        "a negative label": npz(good, labels=array(np.array([0, -1]))),
        "labels that wrap": npz(good, labels=array(np.array([2**32, 1]))),
        "labels of gigabytes": unfolding("labels", (2**28 + 1,), images=good),
        "names that are objects": npz(good, labels=array(np.zeros(2, int)), class_names=npy("(1,)", "'|O'", objects)),
        "a record twice": twice(good),
        "a record that claims gigabytes": forged(npz(good), b"images.npy", 2**32 - 1),
        "an encrypted record": encrypted(npz(good)),
        "an unknown compression": npz(good).replace(b"\x08\0", b"\x63\0"),
        "statistics of an odd shape": zipped({"mu.npy": array(np.zeros(3)), "sigma.npy": array(np.zeros((3, 2)))}),
        "statistics of objects": zipped({"mu.npy": npy("(1,)", "'|O'", objects), "sigma.npy": array(np.zeros((1, 1)))}),
        "statistics with a nested stamp": zipped(
            {"mu.npy": array(np.zeros(1)), "sigma.npy": array(np.zeros((1, 1))), "stamp.npy": array("[" * 100_000)}
        ),
        "statistics of endless labels": zipped(
            {"features.npy": array(np.zeros((2, 3))), "labels.npy": array(np.array([0, 2**62]))}
        ),
        "statistics of an endless count": zipped(
            {"mu.npy": array(np.zeros(1)), "sigma.npy": array(np.zeros((1, 1))), "count.npy": array(np.inf)}
        ),
    }
    return {f"{name}.npz": content for name, content in made.items()} | {
        "an array.npz": good,
        "an array of objects.npz": npy("(1,)", "'|O'", objects),
        "a pickle.npz": objects,
    }


def twice(content: bytes) -> bytes:
    return zipped({"images.npy": content, "imagez.npy": content}).replace(b"imagez.npy", b"images.npy")


def encrypted(data: bytes) -> bytes:
    bad = bytearray(data)
    bad[6] |= 1
    at = bad.rindex(b"PK\x01\x02")
    bad[at + 8] |= 1
    return bytes(bad)


def images() -> dict[str, bytes]:
    """Files of images, of which each is the only one of its folder."""
    text = zlib.compress(b"\0" * 2**26, 1)
    lzw = b"GIF89a\xff\xff\xff\xff\x80\0\0" + b"\0" * 6 + b",\0\0\0\0\xff\xff\xff\xff\0\x02\x02\x4c\x01\0;"
    endless = (
        b"II*\0\x08\0\0\0" + struct.pack("<H", 1) + struct.pack("<HHII", 256, 4, 2**32 - 1, 8) + struct.pack("<I", 8)
    )
    strips = b"II*\0\x08\0\0\0" + struct.pack("<H", 3) + b"".join(
        struct.pack("<HHII", *tag) for tag in ((256, 4, 1, 2**31 - 1), (257, 4, 1, 2**31 - 1), (258, 3, 1, 8))
    ) + struct.pack("<I", 8)  # fmt: skip
    return {
        "169 million pixels.png": png(13000, 13000),
        "gigapixels.png": png(60000, 60000),
        "more pixels than numbers.png": png(2**31 - 1, 2**31 - 1),
        "a comment that unfolds.png": png(0, 8, chunk(b"zTXt", b"a\0\0" + text)),
        "a profile that unfolds.png": png(0, 8, chunk(b"iCCP", b"a\0\0" + text)),
        "a huge screen.png": lzw,
        "an endless directory.png": endless,
        "strips of gigabytes.png": strips,
        "a program.png": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n{} loop\n",
        "a bitmap of gigabytes.bmp": b"BM"
        + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, 2**30, 2**30, 1, 24, *[0] * 6),
        "a bitmap that unfolds.bmp": b"BM"
        + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, 60000, 60000, 1, 8, 1, *[0] * 5),
        "a webp of gigabytes.webp": b"RIFF"
        + struct.pack("<I", 2**32 - 2)
        + b"WEBPVP8X"
        + struct.pack("<I", 10)
        + b"\xff" * 10,
        "a jpeg of gigabytes.jpg": b"\xff\xd8\xff\xc0\0\x11\x08\xff\xff\xff\xff"
        + b"\x03\x01\x22\0\x02\x11\x01\x03\x11\x01\xff\xd9",
    }


READER = """
import json, resource, signal, sys, time
from pathlib import Path
from jaxgan.data.image_set import open_images
from jaxgan.evaluation.statistics import is_statistics, load_statistics
from jaxgan.interop.weights import read_weights

def images(path):
    if path.suffix == ".npz" and is_statistics(path):
        return load_statistics(path)
    return open_images(str(path)).source.fetch([0])

def late(*_):
    raise TimeoutError("late")

signal.signal(signal.SIGPROF, late)
folder, memory, seconds = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
pages = int(Path("/proc/self/statm").read_text().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + memory,) * 2)
for kind, read in (("weights", read_weights), ("arrays", images), ("images", images)):
    for path in sorted((folder / kind).iterdir()):
        started = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, seconds)
        try:
            read(path)
            outcome = ["read", ""]
        except BaseException as error:
            outcome = [type(error).__name__, str(error)]
        signal.setitimer(signal.ITIMER_PROF, 0)
        print(json.dumps([kind, path.name, *outcome, time.process_time() - started]), flush=True)
"""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """How reading each file ended: (kind, file) -> (error's type or 'read', its message, seconds of CPU)."""
    root = tmp_path_factory.mktemp("hostile")
    sign = root / "it_ran"
    for name, content in weights(sign).items():
        (root / "weights").mkdir(exist_ok=True)
        (root / "weights" / name).write_bytes(content)
    for name, content in arrays(sign).items():
        (root / "arrays").mkdir(exist_ok=True)
        (root / "arrays" / name).write_bytes(content)
    for name, content in images().items():
        (root / "images" / name).mkdir(parents=True)
        (root / "images" / name / name).write_bytes(content)
    command = [sys.executable, "-W", "ignore", "-c", READER, str(root), str(MEMORY_BYTES), str(SECONDS_EACH)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=300, env={**os.environ, "JAX_PLATFORMS": "cpu"}
    )
    found = {(kind, name): rest for kind, name, *rest in map(json.loads, done.stdout.splitlines())}
    assert done.returncode == 0, done.stderr[-2000:]
    return found, sign, {kind: os.listdir(root / kind) for kind in ("weights", "arrays", "images")}


def test_every_hostile_file_is_refused_by_name_in_time_before_memory_is_taken(outcomes):
    found, _, files = outcomes
    assert len(found) == sum(map(len, files.values())) >= 60
    wrong = {
        key: (error, message[:300], seconds)
        for key, (error, message, seconds) in found.items()
        if error not in ("ValueError", "UserError") or seconds > SECONDS_EACH / 2 or key[1] not in message
    }
    assert not wrong, "\n".join(map(str, wrong.items()))
    for key, (_, message, _) in found.items():
        assert "\n" not in message and len(message) < 3000 and "MemoryError" not in message, (key, message[:500])
        assert "not enough memory" not in message, (key, message)


def test_none_of_them_ran(outcomes):
    assert not outcomes[1].exists()


def test_those_that_would_run_do_run_elsewhere(tmp_path):
    sign = tmp_path / "it_ran"
    body = zipfile.ZipFile(io.BytesIO(weights(sign)["posix.system.pth"])).read("w/data.pkl")
    pickletools.dis(body, io.StringIO())
    pickle.loads(body)
    assert sign.exists()
