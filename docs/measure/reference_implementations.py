"""Scores of image sets by the implementations that published numbers come from, all fed the same weights.

Needs the extra ``[bench]``: torch-fidelity, pytorch-fid and clean-fid.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
import torch
from PIL import Image

DEVICE = torch.device("cpu")


class ImagePair(NamedTuple):
    """Two sets of images: uint8 [N, H, W, 3] arrays, and a folder of PNGs, in the same order, for each."""

    arrays: tuple[np.ndarray, np.ndarray]
    folders: tuple[Path, Path]


class Tensors(torch.utils.data.Dataset[torch.Tensor]):
    """A set as torch-fidelity takes it: uint8 [3, H, W] an image."""

    def __init__(self, images: np.ndarray) -> None:
        self.images = np.ascontiguousarray(images.transpose(0, 3, 1, 2))

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.from_numpy(self.images[index])


def image_pair(arrays: Sequence[np.ndarray], where: Path) -> ImagePair:
    """Writes both sets, uint8 [N, H, W, 1 or 3], below ``where``."""
    colour = [np.broadcast_to(images, (*images.shape[:3], 3)) for images in arrays]
    folders = [where / name for name in ("first", "second")]
    for folder, images in zip(folders, colour):
        folder.mkdir()
        for index, image in enumerate(images):
            Image.fromarray(np.ascontiguousarray(image)).save(folder / f"{index:06d}.png")
    return ImagePair((colour[0], colour[1]), (folders[0], folders[1]))


def torch_fidelity_scores(pair: ImagePair, weights: Path, *, batch_size: int, kid_subset_size: int) -> dict[str, float]:
    """torch-fidelity's FID, KID, IS (of the first), precision and recall (the first generated, the second real)."""
    import torch_fidelity

    found = torch_fidelity.calculate_metrics(
        input1=Tensors(pair.arrays[0]),
        input2=Tensors(pair.arrays[1]),
        # Its precision and recall would be of VGG16's features otherwise.
        feature_extractor="inception-v3-compat",
        feature_extractor_weights_path=str(weights),
        batch_size=batch_size,
        kid_subset_size=kid_subset_size,
        isc=True,
        fid=True,
        kid=True,
        prc=True,
        cuda=False,
        cache=False,
        verbose=False,
        # Loads in this process, since JAX's threads forbid a fork; its blocks of 10,000 rows change no number here.
        save_cpu_ram=True,
    )
    return {
        "fd": found["frechet_inception_distance"],
        "kid": found["kernel_inception_distance_mean"],
        "is": found["inception_score_mean"],
        **_counted(found, *map(len, pair.arrays)),
    }


def torch_fidelity_neighbours(first: np.ndarray, second: np.ndarray) -> dict[str, float]:
    """torch-fidelity's precision and recall of given features [N, D], in the features' own precision."""
    from torch_fidelity.metric_prc import prc_features_to_metric

    found = prc_features_to_metric(torch.from_numpy(first), torch.from_numpy(second), verbose=False)
    return _counted(found, len(first), len(second))


def _counted(found: Mapping[str, float], first: int, second: int) -> dict[str, float]:
    """Precision and recall as shares of the sets' sizes in float64; torch-fidelity divides in float32."""
    shares = {"precision": first, "recall": second}
    return {name: round(found[name] * count) / count for name, count in shares.items()}


def _pytorch_fid_network(weights: Path, **options: Any) -> torch.nn.Module:
    from pytorch_fid import inception

    state = torch.load(weights, weights_only=True)
    # The constructor would download the published weights.
    with mock.patch.object(inception, "load_state_dict_from_url", lambda *_, **__: state):
        return inception.InceptionV3([inception.InceptionV3.BLOCK_INDEX_BY_DIM[2048]], **options).eval()


def pytorch_fid_score(pair: ImagePair, weights: Path, *, batch_size: int) -> float:
    """pytorch-fid's FID."""
    from pytorch_fid.fid_score import calculate_frechet_distance, compute_statistics_of_path

    network = _pytorch_fid_network(weights)
    (mu1, sigma1), (mu2, sigma2) = (
        compute_statistics_of_path(str(folder), network, batch_size, 2048, DEVICE, num_workers=0)
        for folder in pair.folders
    )
    return _without_deprecations(calculate_frechet_distance, mu1, sigma1, mu2, sigma2)


def clean_fid_score(pair: ImagePair, weights: Path, *, batch_size: int) -> float:
    """clean-fid's FID: its reading, resizing, statistics and distance around pytorch-fid's network, for its own comes
    only as a TorchScript file with the published weights inside.
    """
    from cleanfid.fid import compare_folders

    network = _pytorch_fid_network(weights, resize_input=False, normalize_input=False)

    def features(images: torch.Tensor) -> torch.Tensor:
        return network((images - 128) / 128)[0].flatten(1)

    return _without_deprecations(
        compare_folders,
        *(str(folder) for folder in pair.folders),
        features,
        "clean",
        num_workers=0,
        batch_size=batch_size,
        device=DEVICE,
        verbose=False,
    )


def _without_deprecations(function: Callable[..., Any], *arguments: Any, **options: Any) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return float(function(*arguments, **options))
