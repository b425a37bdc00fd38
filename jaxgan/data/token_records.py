"""Sets of whole numbers in an ArrayRecord file, such as codes of pictures: rows of tokens by name, by index."""

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
from jaxgan.data.printable import printable
from jaxgan.data.reading import is_passing, of_system, read_file, retried
from jaxgan.data.source import Batch, Source

_RECORDS, _ABOUT = "tokens.array_record", "about.json"
LABEL = "label"
# Of the files; a set of another format is not read.
FORMAT = 2


def write_tokens(folder: Path, batches: Iterable[Mapping[str, np.ndarray]], about: Mapping[str, Any]) -> None:
    """Writes a set, whole or not at all: a folder that is there is a whole set.

    Args:
      folder: that comes into being; what lies there is replaced, unless it is a whole set.
      batches: 'label' int [N], and int [N, L] by name, N examples at a time.
      about: what is kept next to them: 'vocabulary', name -> the tokens that there are, 'class_names', and what else
        tells this set from others.

    Raises:
      ValueError: where there are no examples, their lengths differ, or a token is not in [0, vocabulary).
    """
    from array_record.python.array_record_module import ArrayRecordWriter

    made = folder.with_name(f".{folder.name}-{uuid.uuid4().hex}")
    made.mkdir(parents=True)
    vocabulary: Mapping[str, int] = about["vocabulary"]
    try:
        lengths: dict[str, int] = {}
        count = 0
        writer = ArrayRecordWriter(str(made / _RECORDS), "group_size:1")
        for batch in batches:
            for name, most in vocabulary.items():
                tokens = batch[name]
                lengths.setdefault(name, tokens.shape[1])
                if tokens.shape[1] != lengths[name] or tokens.min() < 0 or tokens.max() >= most:
                    raise ValueError(
                        f"{name} must be [N, {lengths[name]}] in [0, {most}), got {list(tokens.shape)} of "
                        f"{tokens.min()} to {tokens.max()}"
                    )
            rows = np.concatenate([*(batch[name] for name in vocabulary), batch[LABEL][:, None]], axis=1)
            for row in rows:
                writer.write(row.astype("<i4").tobytes())
            count += len(rows)
        writer.close()
        if not count:
            raise ValueError(f"{folder}: no examples to write")
        (made / _ABOUT).write_text(json.dumps({**about, "length": count, "tokens": lengths}))
        if folder.exists() and about_tokens(folder) is None:
            shutil.rmtree(folder)
        try:
            os.replace(made, folder)
        except OSError:
            # Another process was first.
            if about_tokens(folder) is None:
                raise
    finally:
        shutil.rmtree(made, ignore_errors=True)


def about_tokens(folder: Path) -> dict[str, Any] | None:
    """The ``about`` of a set; None where there is no set.

    Raises:
      ValueError: naming the folder, where it is damaged.
      OSError: where the disk or the mount fails.
    """
    try:
        found = json.loads(read_file(folder / _ABOUT))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise ValueError(_damaged(folder, f"{_ABOUT} is no JSON: {error}")) from error
    lacking = {"length", "tokens", "vocabulary", "class_names"} - (found.keys() if isinstance(found, dict) else set())
    if lacking:
        raise ValueError(_damaged(folder, f"{_ABOUT} has no {', '.join(sorted(lacking))}"))
    return dict(found)


def _damaged(folder: Path, why: str) -> str:
    return f"the set of tokens in {printable(str(folder))} is damaged: {why}; remove that folder, and it is made again"


def token_source(folder: Path, *, name: str, version: str) -> Source:
    """A set that :func:`write_tokens` wrote: int32 [L] by name, and 'label'.

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
    path, lengths = str(folder / _RECORDS), about["tokens"]
    names = tuple(about["class_names"])
    fields = {key: Field((length,), np.int32, "value", about["vocabulary"][key]) for key, length in lengths.items()}
    return Source(
        name=name,
        length=about["length"],
        fields={**fields, LABEL: label_field(len(names))},
        fetch=functools.partial(_fetch, path, lengths),
        in_memory=False,
        class_names=names,
        labels=functools.partial(_fetch_labels, path, lengths),
        read_version=functools.partial(str, version),
    )


@functools.lru_cache(maxsize=16)
def _records(path: str) -> Any:
    """The open file, of each process its own."""
    from grain.sources import ArrayRecordDataSource

    return ArrayRecordDataSource(path)


def _fetch(path: str, lengths: Mapping[str, int], indices: np.ndarray) -> Batch:
    wanted = [int(index) for index in indices]
    try:
        found = retried(lambda: of_system(lambda: _records(path).__getitems__(wanted)), path)
        rows = np.stack([np.frombuffer(record, "<i4") for record in found]).astype(np.int32)
        if rows.shape[1] != sum(lengths.values()) + 1:
            raise ValueError(f"a row has {rows.shape[1]} numbers, not {sum(lengths.values()) + 1}")
    except Exception as error:  # ArrayRecord says RuntimeError, and does not name the file
        if is_passing(error):
            raise
        why = f"{_RECORDS}: {type(error).__name__}: {' '.join(str(error).split())[:300]}"
        raise ValueError(_damaged(Path(path).parent, printable(why))) from error
    parts = np.split(rows, np.cumsum([*lengths.values()]), axis=1)
    return {name: part.copy() for name, part in zip(lengths, parts)} | {LABEL: parts[-1][:, 0].copy()}


def _fetch_labels(path: str, lengths: Mapping[str, int], indices: np.ndarray) -> np.ndarray:
    return _fetch(path, lengths, indices)[LABEL]
