"""Captions as tokens: frequent pairs become one, padding says its place, nothing is unknown."""

import numpy as np
import pytest

from jaxgan.data.captions import encode_texts, texts_of, train_tokenizer

pytest.importorskip("tokenizers", reason="pip install jaxgan[text]")
TEXTS = ["a smiling face", "A face with rolling eyes", "face"] * 5


def test_captions_that_are_there_are_read():
    captions, mask = np.zeros((2, 2, 6), np.uint8), np.zeros((2, 2, 6), bool)
    for (row, column), text in {(0, 0): "ab", (0, 1): "café"[:5], (1, 0): "c"}.items():
        raw = text.encode()
        captions[row, column, : len(raw)] = list(raw)
        mask[row, column, : len(raw)] = True
    assert texts_of(captions, mask) == [["ab", "café"], ["c"]]


def test_texts_are_cut_or_padded_by_place_and_case_does_not_matter():
    tokenizer = train_tokenizer(TEXTS, 300)
    assert tokenizer == train_tokenizer(TEXTS, 300)
    found = encode_texts(tokenizer, ["face", "FACE", "", "a face " * 9], length=4, vocabulary=300)
    assert found.shape == (4, 4) and found.dtype == np.int32
    # A word that is seen often is one token.
    np.testing.assert_array_equal(found[0, 1:], [301, 302, 303])
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[2], [300, 301, 302, 303])
    assert (found[3] < 300).all() and found[0, 0] in found[3]


def test_letters_that_were_never_seen_are_bytes():
    found = encode_texts(train_tokenizer(TEXTS, 300), ["żółw 🐢"], length=16, vocabulary=300)
    assert (found[0, :12] < 300).all()


def test_a_vocabulary_smaller_than_the_bytes_is_refused():
    with pytest.raises(ValueError, match="vocabulary=100: every byte is a token, give at least 256"):
        train_tokenizer(TEXTS, 100)
