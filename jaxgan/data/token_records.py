"""Sets of tokens in an ArrayRecord file: rows of integers, and a label each, by index."""

import functools
import json
import os
import shutil
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jaxgan.data.fields import Field, label_field
from jaxgan.data.source import Batch, Source

_RECORDS, _ABOUT = "tokens.array_record", "about.json"


def write_tokens(folder: Path, rows: Iterable[tuple[np.ndarray, np.ndarray]], about: Mapping[str, Any]) -> None:
    """Writes a set, whole or not at all: a folder that is there is a whole set.

    Args:
      folder: that comes into being; what lies there is replaced.
      rows: (tokens int [N, L], labels int [N]) at a time.
      about: what is kept next to them: 'vocabulary', the number of tokens there are, 'class_names', and what else tells
        this set from others.

    Raises:
      ValueError: where there are no rows, their lengths differ, or a token is not in [0, vocabulary).
    """
    from array_record.python.array_record_module import ArrayRecordWriter

    made = folder.with_name(f".{folder.name}-{uuid.uuid4().hex}")
    made.mkdir(parents=True)
    try:
        length, count = 0, 0
        writer = ArrayRecordWriter(str(made / _RECORDS), "group_size:1")
        for tokens, labels in rows:
            length = length or tokens.shape[1]
            if tokens.shape[1] != length or tokens.min() < 0 or tokens.max() >= about["vocabulary"]:
                raise ValueError(
                    f"tokens must be [N, {length}] in [0, {about['vocabulary']}), got {list(tokens.shape)} of "
                    f"{tokens.min()} to {tokens.max()}"
                )
            for row, label in zip(tokens, labels, strict=True):
                writer.write(np.append(row, label).astype("<i4").tobytes())
            count += len(tokens)
        writer.close()
        if not count:
            raise ValueError(f"{folder}: no rows to write")
        (made / _ABOUT).write_text(json.dumps({**about, "length": count, "tokens": length}))
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(made, folder)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def about_tokens(folder: Path) -> dict[str, Any] | None:
    """The ``about`` of a set; None where there is no set."""
    try:
        found: dict[str, Any] = json.loads((folder / _ABOUT).read_text())
    except FileNotFoundError:
        return None
    return found


def token_source(folder: Path, *, name: str, version: str) -> Source:
    """A set that :func:`write_tokens` wrote, with the fields 'tokens' int32 [L] and 'label'.

    Args:
      folder: it lies in.
      name: how error messages call it.
      version: what tells this content from another's.

    Raises:
      ValueError: where there is no such set.
    """
    about = about_tokens(folder)
    if about is None:
        raise ValueError(f"{folder} holds no set of tokens")
    path, length = str(folder / _RECORDS), about["tokens"]
    names = tuple(about["class_names"])
    return Source(
        name=name,
        length=about["length"],
        fields={"tokens": Field((length,), np.int32, "value", about["vocabulary"]), "label": label_field(len(names))},
        fetch=functools.partial(_fetch, path),
        in_memory=False,
        class_names=names,
        labels=functools.partial(_fetch_labels, path),
        read_version=functools.partial(str, version),
    )


@functools.lru_cache(maxsize=16)
def _records(path: str) -> Any:
    """The open file, of each process its own."""
    from grain.sources import ArrayRecordDataSource

    return ArrayRecordDataSource(path)


def _fetch(path: str, indices: np.ndarray) -> Batch:
    found = _records(path).__getitems__([int(index) for index in indices])
    rows = np.stack([np.frombuffer(record, "<i4") for record in found]).astype(np.int32)
    return {"tokens": rows[:, :-1].copy(), "label": rows[:, -1].copy()}


def _fetch_labels(path: str, indices: np.ndarray) -> np.ndarray:
    return _fetch(path, indices)["label"]
