"""Captions as tokens: byte-pair encoding that is trained on a set's own captions (Sennrich et al. 2016,
arXiv:1508.07909), by the package tokenizers; ``jaxgan[text]`` brings it.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

BYTES = 256


def texts_of(captions: np.ndarray, mask: np.ndarray) -> list[list[str]]:
    """The captions of each example, of which a set may have several.

    Args:
      captions: uint8 [B, N, L], UTF-8 bytes padded with zeros.
      mask: bool [B, N, L], where there are bytes.

    Returns:
      B lists of at most N texts, without those that are not there.
    """
    found = []
    for rows, held in zip(captions, mask, strict=True):
        texts = [bytes(row[there]).decode(errors="replace") for row, there in zip(rows, held)]
        found.append([text for text in texts if text])
    return found


def train_tokenizer(texts: Iterable[str], vocabulary: int) -> str:
    """A byte-pair encoding of lower-cased texts, as JSON.

    Args:
      texts: that it is trained on.
      vocabulary: the most tokens, at least 256, of which a set of few texts gives fewer.

    Raises:
      ValueError: on a smaller vocabulary.
      ImportError: where the package tokenizers is not there.
    """
    if vocabulary < BYTES:
        raise ValueError(f"vocabulary={vocabulary}: every byte is a token, give at least {BYTES}")
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

    made = Tokenizer(models.BPE())
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=vocabulary, initial_alphabet=alphabet, show_progress=False)
    made.train_from_iterator(texts, trainer)
    found: str = made.to_str()
    return found


def encode_texts(tokenizer: str, texts: Sequence[str], *, length: int, vocabulary: int) -> np.ndarray:
    """Tokens of texts, int32 [N, length]: what is longer is cut, and each place without a token has a padding token of
    its own, ``vocabulary`` + the place (DALL-E: arXiv:2102.12092, section 2.2).

    Args:
      tokenizer: of :func:`train_tokenizer`.
      texts: N of them.
      length: places.
      vocabulary: of the tokenizer, whose tokens are below it.
    """
    encoded = _opened(tokenizer).encode_batch(list(texts))
    rows = np.tile(vocabulary + np.arange(length, dtype=np.int32), (len(encoded), 1))
    for row, found in zip(rows, encoded):
        ids = found.ids[:length]
        row[: len(ids)] = ids
    return rows


def _opened(tokenizer: str) -> Any:
    from tokenizers import Tokenizer

    return Tokenizer.from_str(tokenizer)
