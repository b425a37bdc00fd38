"""The first run of a recipe of two: its networks frozen in the second, and the codes of its data as a set."""

import functools
import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import jax
import numpy as np
from jax.sharding import NamedSharding
from ml_collections import ConfigDict

from jaxgan.data import Source, joined, select, token_records
from jaxgan.data.token_records import about_tokens, token_source, write_tokens
from jaxgan.experiment.config_file import load
from jaxgan.experiment.open_run import Build, absolute, open_run, saved_config
from jaxgan.experiment.open_split import open_split
from jaxgan.methods.coder import AUTOENCODER, Coder, to_tokens
from jaxgan.parallel import BATCH, from_main, is_main, make_mesh, to_host
from jaxgan.training.cache_folder import cache_folder
from jaxgan.training.errors import UserError
from jaxgan.training.method import Experiment, Method
from jaxgan.training.state import Variables

log = logging.getLogger("jaxgan")

SECTION: dict[str, Any] = {"run": "", "step": None, "fingerprint": None, "codes": None}
UNTRAINED = "untrained:"
_ENCODED = 256
# Of the data, what must be the first run's: the second draws, and is scored against, what the first was trained on.
_SAME = ("name", "image_size", "channels")


class Nets(NamedTuple):
    """Networks of the first run, on the host, and where they come from."""

    nets: dict[str, Variables]
    fingerprint: str


class Prefix(NamedTuple):
    """Tokens before an image's codes.

    Attributes:
      of: (a batch of the pictures' set) -> for each picture int [N, P], of which there may be several.
      vocabulary: the tokens are below it.
      identity: what tells it from other prefixes of the same pictures.
      every: an example for each of a picture's prefixes; False for the first one alone.
    """

    of: Callable[[dict[str, Any]], Sequence[np.ndarray]]
    vocabulary: int
    identity: str
    every: bool = False


class FirstRun(NamedTuple):
    """The run that a second one stands on.

    Attributes:
      config, experiment: of the first run; nothing is read of it but its config until its networks are wanted.
      folder: the run's; None of networks that nobody trained.
      open: reads the networks, once.
    """

    config: ConfigDict
    experiment: Experiment
    folder: Path | None
    open: Callable[[], Nets]

    @property
    def method(self) -> Method:
        """Of the last stage."""
        return self.experiment.stages[-1].method

    def fingerprint(self) -> str:
        """Of the run, which is read for it."""
        return self.open().fingerprint


def open_first_run(
    config: ConfigDict,
    *,
    build: Build,
    default_config: Callable[[ConfigDict], ConfigDict],
    recipes: Sequence[str],
    nets: Sequence[str] = (AUTOENCODER,),
    section: str = "first",
) -> FirstRun:
    """The run that ``config.first.run`` names.

    ``first.run`` is a run's folder, or 'untrained:CONFIG' for networks as that config begins: enough for planning a
    second run before there is a first. ``first.step`` is the checkpoint's, the newest where None; ``first.fingerprint``
    is that which the run must have, or its beginning.

    Args:
      config: of the second run.
      build, default_config: as in :func:`jaxgan.experiment.open_run.open_run`.
      recipes: of which the first run must be of one.
      nets: those that the second run needs; the others are not kept.
      section: of the config that names it.

    Raises:
      UserError: where there is no such run, it is of another recipe, or its data are not the second's.
    """
    first, names = config[section], " or ".join(recipes)
    if not first.run:
        raise UserError(
            f"config.{section}.run is empty: give the folder of a run of {names}, such as "
            f"--config.{section}.run=runs/codes, or {UNTRAINED}{recipes[0]} to plan before there is one"
        )
    if first.run.startswith(UNTRAINED):
        made, folder = load(first.run.removeprefix(UNTRAINED)), None
    else:
        folder = absolute(first.run)
        made = saved_config(folder, default_config)
    if made.recipe not in recipes:
        raise UserError(f"config.{section}.run={first.run!r} is of the recipe {made.recipe}; give one of {names}")
    for key in _SAME:
        ours, theirs = config.data[key], made.data[key]
        if (tuple(ours) if isinstance(ours, list | tuple) else ours) != (
            tuple(theirs) if isinstance(theirs, list | tuple) else theirs
        ):
            shown = ",".join(map(str, theirs)) if isinstance(theirs, list | tuple) else theirs
            raise UserError(
                f"config.data.{key}={ours!r}, but {first.run} was trained on {theirs!r}: give "
                f"--config.data.{key}={shown}"
            )
    experiment = build(made)

    def needed(found: dict[str, Variables]) -> dict[str, Variables]:
        return to_host({name: found[name] for name in nets})

    @functools.cache
    def opened() -> Nets:
        if folder is None:
            state = jax.jit(experiment.fresh_state)(jax.random.key(made.seed))
            found = needed(experiment.nets_to_score(state, experiment.stages[-1]))
            return Nets(found, hashlib.sha256(f"{first.run} {made.to_json()}".encode()).hexdigest())
        run = open_run(
            first.run, build=build, default_config=default_config, step=first.step, expected=first.fingerprint
        )
        return Nets(needed(run.nets), run.fingerprint)

    return FirstRun(made, experiment, None if folder is None else Path(str(folder)), opened)


def code_source(first: FirstRun, config: ConfigDict, split: str, *, codes: int, prefix: Prefix | None = None) -> Source:
    """The codes of a split's pictures, with the fields 'tokens' int32 [L] and 'label', and 'prefix' int32 [P]:
    extracted the first time, by process 0 on its own devices, and read from an ArrayRecord file after that.

    The file lies in ``first.codes``, else in the folder codes/ of the first run, under a name that is made of the
    fingerprint of the first run and of what identifies the pictures: codes of other networks or of other pictures are
    never read.

    Args:
      first: its method has ``codes``.
      config: of the second run, whose data it are.
      split: of the data.
      codes: how many there are.
      prefix: of examples; None for none.

    Raises:
      UserError: where the folder cannot be written.
    """
    pictures = open_split(config, split)
    nets, fingerprint = first.open()
    content = f"{token_records.FORMAT} {fingerprint} {pictures.name} {pictures.length} {pictures.version}"
    if prefix is not None:
        content += f" {prefix.identity} {prefix.every}"
    key = hashlib.sha256(content.encode()).hexdigest()[:16]
    folder = codes_folder(first, config) / f"{split}-{key}"
    there = about_tokens(folder) is not None
    if not from_main(int(there)) and is_main():
        log.info("codes of %s, %d pictures, are extracted to %s", pictures.name, pictures.length, folder)
        about = {
            "vocabulary": {"tokens": codes} | ({"prefix": prefix.vocabulary} if prefix else {}),
            "class_names": list(pictures.class_names or ("all",)),
            "first_run": fingerprint,
            "pictures": {"name": pictures.name, "version": pictures.version},
        }
        try:
            write_tokens(folder, _encoded(first.method, nets, pictures, prefix), about)
        except OSError as error:
            raise UserError(f"cannot write codes to {folder}: {error}; set --config.first.codes=DIR") from error
    from_main(0)
    return token_source(folder, name=f"codes of {pictures.name}", version=f"{fingerprint}:{key}")


def one_grid(first: FirstRun, config: ConfigDict, *, hint: str) -> tuple[int, int]:
    """Rows and columns of the codes of one of the config's pictures.

    Args:
      first: its method codes pictures.
      config: of the second run.
      hint: the end of the error's sentence: what the second run draws, and what to give.

    Raises:
      UserError: where the first run's codes have several levels.
    """
    reductions = cast(Coder, first.method).reductions
    if len(reductions) > 1:
        raise UserError(f"config.first.run={config.first.run!r} has {len(reductions)} levels of codes, and {hint}")
    height, width = config.data.image_size
    return height // reductions[0], width // reductions[0]


def with_pictures(codes: Source, pictures: Source, *, fields: Sequence[str] = ()) -> Source:
    """Codes and the pictures that they are of as one set: 'tokens', 'label', 'image', and further ``fields``."""
    kept = {field: field for field in ("image", *fields) if field not in codes.fields}
    return joined(tokens=codes, image=select(pictures, **kept))


def codes_folder(first: FirstRun, config: ConfigDict) -> Path:
    """Where what is extracted of a first run's networks lies."""
    if config.first.codes:
        return Path(config.first.codes).expanduser()
    if first.folder is not None:
        return first.folder / "codes"
    return cache_folder("codes")


def _encoded(
    method: Any, nets: dict[str, Variables], pictures: Source, prefix: Prefix | None
) -> Iterator[dict[str, np.ndarray]]:
    """Tokens, labels and prefixes of all pictures, in order."""
    mesh = make_mesh(devices=jax.local_devices())
    size = -(-_ENCODED // mesh.size) * mesh.size
    encode = jax.jit(lambda nets, images: to_tokens(method.codes(nets, images)))
    sharding = NamedSharding(mesh, BATCH)
    with jax.set_mesh(mesh):
        for start in range(0, pictures.length, size):
            index = np.arange(start, min(start + size, pictures.length))
            batch = pictures.fetch(np.resize(index, size))
            tokens = encode(nets, jax.device_put(batch["image"], sharding))
            rows = {"tokens": np.asarray(tokens), "label": batch.get("label", np.zeros(size, np.int32))}
            rows = {name: value[: len(index)] for name, value in rows.items()}
            if prefix is not None:
                found = prefix.of({name: value[: len(index)] for name, value in batch.items()})
                kept = [each if prefix.every else each[:1] for each in found]
                rows = {name: np.repeat(value, [len(each) for each in kept], axis=0) for name, value in rows.items()}
                rows["prefix"] = np.concatenate(kept)
            yield rows
