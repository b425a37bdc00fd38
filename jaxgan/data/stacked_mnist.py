"""Stacked MNIST: three digits as the channels of an image, and so 1000 modes that a classifier of digits can count."""

import functools
import os

import numpy as np

from jaxgan.data.source import Batch, Source, image_fields, load
from jaxgan.data.tfds_source import tfds_source

TRAIN_LENGTH, TEST_LENGTH = 128_000, 26_000
SEED = 0


def stacked_mnist_source(
    split: str,
    data_dir: str | os.PathLike[str] | None = None,
    image_size: tuple[int, int] | None = None,
    *,
    length: int | None = None,
    in_memory: bool = True,
) -> Source:
    """Three random digits of MNIST a channel each; the label is 100 a + 10 b + c.

    Metz et al. 2016 (unrolled GAN, arXiv:1611.02163, section 3.3.1), and since VEEGAN (arXiv:1705.07761) and PacGAN
    (arXiv:1712.04086) the usual count of modes. PacGAN's code has two protocols: 128,000 triples drawn once, of
    training and test digits together (its comparison with VEEGAN; here the split 'train+test'), and triples drawn anew
    at each step, of training digits (with unrolled GAN). Here they are drawn once and for all, of the digits of
    ``split``. Its images are 28x28, and so are these where ``image_size`` is None.

    Args:
      split: of tfds:mnist, such as 'train', 'test' or 'train+test'.
      data_dir: where tfds:mnist lies prepared.
      image_size: (height, width) to which digits are resized.
      length: examples; 128,000 where None, of a split without training digits 26,000.
      in_memory: decode the digits now, once (47 MB of 28x28), rather than three for each example.

    Raises:
      ValueError: as :func:`jaxgan.data.tfds_source` of 'mnist' does, or on a length below 1.
    """
    digits = tfds_source("mnist", split, data_dir, image_size, 1)
    if length is None:
        length = TRAIN_LENGTH if "train" in split else TEST_LENGTH
    return stacked(load(digits) if in_memory else digits, length=length, name=f"stacked_mnist/{split}")


def stacked(digits: Source, *, length: int, name: str, seed: int = SEED) -> Source:
    """``length`` examples of three of ``digits`` each, drawn with replacement: the i-th is the same for any length.

    Args:
      digits: grey images of ten classes, with labels that can be read without them.
      length: number of examples.
      name: of the source.
      seed: of the draw.

    Raises:
      ValueError: where ``digits`` are not as said, or the length is below 1.
    """
    if digits.image_shape[-1] != 1 or digits.num_classes != 10 or digits.labels is None:
        raise ValueError(
            f"{digits.name}: stacks are of grey images with ten classes and labels, got {digits.image_shape[-1]} "
            f"channels and {digits.num_classes} classes"
        )
    if length < 1:
        raise ValueError(f"{name} needs a length of at least 1, got {length}")
    draw = np.random.Generator(np.random.Philox(seed))
    triples = draw.integers(digits.length, size=(length, 3), dtype=np.int32)
    return Source(
        name=name,
        length=length,
        fields=image_fields((*digits.image_shape[:2], 3), 1000),
        class_names=tuple(f"{label:03}" for label in range(1000)),
        fetch=functools.partial(_fetch, digits, triples),
        in_memory=digits.in_memory,
        labels=functools.partial(_labels, digits, triples),
        read_version=functools.partial(_version, digits, length, seed),
        rejected=digits.rejected,
    )


def _version(digits: Source, length: int, seed: int) -> str:
    return f"{digits.version}x{length}+{seed}" if digits.version else ""


def _fetch(digits: Source, triples: np.ndarray, indices: np.ndarray) -> Batch:
    batch = digits.fetch(triples[indices].reshape(-1))
    images = batch["image"][..., 0].reshape(len(indices), 3, *digits.image_shape[:2])
    return {"image": np.ascontiguousarray(np.moveaxis(images, 1, -1)), "label": _number(batch["label"])}


def _labels(digits: Source, triples: np.ndarray, indices: np.ndarray) -> np.ndarray:
    assert digits.labels is not None
    return _number(digits.labels(triples[indices].reshape(-1)))


def _number(digits: np.ndarray) -> np.ndarray:
    """[3 N] digits, three of an example in a row -> [N] int32."""
    return (digits.reshape(-1, 3) @ np.array([100, 10, 1])).astype(np.int32)
