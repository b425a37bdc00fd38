"""Captions of a config's data as tokens: an encoding that is trained once on the training split's, and kept."""

import functools
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from ml_collections import ConfigDict

from jaxgan.data import Field, Source, array_source, joined, select, subset
from jaxgan.data.captions import encode_texts, texts_of, train_tokenizer
from jaxgan.experiment.open_split import open_split
from jaxgan.parallel import from_main, is_main
from jaxgan.training.cache_folder import cache_folder
from jaxgan.training.errors import UserError
from jaxgan.training.storage import write_whole

CAPTIONS = "captions"
SECTION: dict[str, Any] = {"vocabulary": 16_384, "length": 256}


class Captions(NamedTuple):
    """How captions become tokens.

    Attributes:
      tokenizer: gives the encoding, as JSON.
      vocabulary: of the encoding, at most.
      length: places of a caption.
    """

    tokenizer: Callable[[], str]
    vocabulary: int
    length: int

    @property
    def tokens(self) -> int:
        """All that there are: the encoding's, and a padding for each place."""
        return self.vocabulary + self.length

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """int32 [N, length]."""
        return encode_texts(self.tokenizer(), texts, length=self.length, vocabulary=self.vocabulary)

    def of_batch(self, batch: dict[str, Any]) -> list[np.ndarray]:
        """The captions of each example, int32 [n, length]; an empty one where there is none."""
        return [self.encode(each or [""]) for each in texts_of(batch[CAPTIONS], batch[f"{CAPTIONS}_mask"])]


def open_captions(config: ConfigDict, folder: Callable[[], Path] | None = None) -> Captions:
    """The captions that ``config.text`` says of the config's data; nothing is read until texts are encoded.

    Args:
      config: with the section ``text``.
      folder: where the encoding is kept; $XDG_CACHE_HOME/jaxgan/tokenizers where None.
    """
    given = config.text

    @functools.cache
    def tokenizer() -> str:
        content = f"{config.data.name} {config.data.split} {given.vocabulary} {config.data.test_augment}"
        place = cache_folder("tokenizers") if folder is None else folder()
        path = place / f"tokenizer-{hashlib.sha256(content.encode()).hexdigest()[:16]}.json"
        if not from_main(int(path.is_file())) and is_main():
            texts = [text for each in caption_texts(config, config.data.split) for text in each]
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, train_tokenizer(texts, given.vocabulary))
        from_main(0)
        return path.read_text()

    return Captions(tokenizer, given.vocabulary, given.length)


def caption_texts(config: ConfigDict, split: str) -> list[list[str]]:
    """The captions of each example of a split; pictures are not decoded where the set has captions of its own.

    Raises:
      UserError: where there are no captions.
    """
    alone = config.copy_and_resolve_references()
    if CAPTIONS in alone.data.get("fields", {}):
        with alone.unlocked():
            alone.data.fields = ConfigDict({CAPTIONS: alone.data.fields[CAPTIONS]}, type_safe=False)
    source = open_split(alone, split)
    if CAPTIONS not in source.fields:
        raise UserError(
            f"{source.name} has no field {CAPTIONS!r}, only {', '.join(source.fields)}: name it in config.data.fields, "
            "or make captions of classes with the operation class_captions of data.test_augment"
        )
    batch = source.fetch(np.arange(source.length))
    return texts_of(batch[CAPTIONS], batch[f"{CAPTIONS}_mask"])


def captioned(config: ConfigDict, split: str, captions: Captions, *, every: bool) -> Source:
    """Pictures and the tokens of a caption each: 'image', and 'prefix' int32 [length].

    Args:
      config: whose data it are.
      split: of them.
      captions: how texts become tokens.
      every: an example for each of a picture's captions; False for the first one alone.
    """
    found = [captions.encode(each or [""]) for each in caption_texts(config, split)]
    kept = [each if every else each[:1] for each in found]
    owners = np.repeat(np.arange(len(kept)), [len(each) for each in kept])
    tokens = np.concatenate(kept)
    field = Field((captions.length,), np.int32, "value", captions.tokens)
    pictures = select(open_split(config, split), image="image")
    return joined(
        image=subset(pictures, owners, f"{pictures.name}, a caption each"),
        prefix=array_source({"prefix": tokens}, {"prefix": field}, name=f"captions of {pictures.name}"),
    )
