"""``jaxgan features``: write the features of images."""

import os
from collections.abc import Sequence
from pathlib import Path

from jaxgan.cli import arguments as flags
from jaxgan.data.printable import printable
from jaxgan.experiment.key import MOST_IMAGES
from jaxgan.training.errors import UserError

_DESCRIPTION = """Writes the features of images: an .npz with `features` [N, D] float32 in the order given (a folder's
files in sorted order), their mean `mu` and covariance `sigma` (which pytorch-fid reads too), `count`, `labels` where
there are any, and `stamp`. It serves as --against of `jaxgan evaluate`."""

_EXAMPLES = """  jaxgan features --images=photos/ --features=efficientnet_lite0 --out=photos.npz
  jaxgan features --images=tfds:cifar10:train --features=inception --out=cifar10_train.npz"""


def run(arguments: Sequence[str]) -> int:
    """Runs the verb; returns the exit code."""
    made = flags.parser("features", _DESCRIPTION, _EXAMPLES)
    made.add_argument(
        "--images", required=True, type=flags.path, metavar="X", help="a folder, an .npz, or tfds:NAME:SPLIT"
    )
    flags.add_images(made)
    flags.add_features(made, required=True)
    made.add_argument("--num_images", type=flags.whole(1, MOST_IMAGES), help="take so many, evenly (default: all)")
    made.add_argument("--spatial", action="store_true", help="also the moments of spatial features, for sfd")
    made.add_argument("--out", required=True, type=flags.path, metavar="F.npz", help="where to write")
    flags.add_processes(made)
    flags.add_compilation_cache(made)
    made.add_argument("--no_progress", action="store_true", help="no progress bar")
    parsed, overrides = flags.parse(made, arguments)
    if overrides:
        raise UserError(f"--config.{overrides[0][0]}: features are of images, and know no config")
    out = Path(os.path.expanduser(parsed.out))
    if out.suffix != ".npz":
        raise UserError(f"--out={parsed.out}: give a name ending in .npz")

    from jaxgan.data.image_set import open_images
    from jaxgan.evaluation.collect import FeatureRequest
    from jaxgan.evaluation.eval_set import eval_set_of
    from jaxgan.evaluation.score import statistics
    from jaxgan.evaluation.statistics import save_statistics
    from jaxgan.interop.open_features import open_features
    from jaxgan.parallel import initialize, is_main, make_mesh
    from jaxgan.training.compilation_cache import use_compilation_cache
    from jaxgan.training.logging import images_bar

    use_compilation_cache(parsed.compilation_cache)
    initialize(coordinator=parsed.coordinator, num_processes=parsed.num_processes, process_id=parsed.process_id)
    network = open_features(parsed.features, weights=parsed.weights, resizer=parsed.resizer)
    image_set = open_images(parsed.images, image_size=flags.image_size(parsed.image_size), data_dir=parsed.data_dir)
    eval_set = eval_set_of(image_set, parsed.num_images)
    found = statistics(
        eval_set,
        network,
        FeatureRequest(pool=eval_set.images.length > 1, spatial=parsed.spatial, features=True),
        mesh=make_mesh(),
        batch_size=64 if parsed.batch_size is None else parsed.batch_size,
        advance=images_bar(image_set.name, eval_set.images.length, enabled=is_main() and not parsed.no_progress),
    )
    if is_main():
        save_statistics(out, found)
        print(printable(str(out)))
    return 0
