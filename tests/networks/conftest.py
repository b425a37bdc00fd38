"""Networks on abstract or random variables: compiling an init takes longer than all the rest, so nothing is initialised
that a shape or a number drawn in numpy can replace.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import traverse_util

from jaxgan.nn import FEATURES

_LABELS = jax.ShapeDtypeStruct((2,), jnp.int32)


@functools.cache
def _traced(network, first, train, labels, structure):
    x = jax.ShapeDtypeStruct((2, *first), jnp.float32)
    labels = structure.unflatten([jax.ShapeDtypeStruct((2, *shape), dtype) for shape, dtype in labels])
    return jax.eval_shape(functools.partial(network.init_with_output, train=train), jax.random.key(0), x, labels)


def _abstract(network, first, labels=_LABELS, *, train=False):
    leaves, structure = jax.tree.flatten(labels)
    return _traced(network, first, train, tuple((leaf.shape[1:], leaf.dtype) for leaf in leaves), structure)


def _filled(network, first, labels=_LABELS, scale=1.0):
    rng = np.random.default_rng(1)
    shapes = dict(_abstract(network, first, labels)[1])
    shapes.pop(FEATURES, None)
    values = {
        path: np.ones(leaf.shape, np.float32)
        if path[-1] in ("var", "scale")
        else scale * rng.normal(size=leaf.shape).astype(np.float32)
        for path, leaf in traverse_util.flatten_dict(shapes).items()
    }
    return traverse_util.unflatten_dict(values)


@functools.cache
def _compiled(network, train, grad):
    def loss(params, rest, x, labels, seed):
        rngs = {"dropout": jax.random.key(seed)} if train else None
        mutable = [*rest, FEATURES] if train else [FEATURES]
        out, moved = network.apply({"params": params, **rest}, x, labels, train=train, rngs=rngs, mutable=mutable)
        return jnp.square(out).mean(), (out, moved)

    return jax.jit(jax.value_and_grad(loss, has_aux=True) if grad else loss)


def _run(network, x, labels, *, variables=None, train=False, seed=0, grad=False):
    rest = dict(_filled(network, x.shape[1:], labels) if variables is None else variables)
    found = _compiled(network, train, grad)(rest.pop("params"), rest, x, labels, seed)
    (_, (out, moved)), grads = found if grad else (found, {})
    grads = traverse_util.flatten_dict(grads, sep="/")
    return np.asarray(out), moved, grads


@pytest.fixture(scope="session")
def abstract():
    """(network, shape of the first input without the batch, labels, train=) -> output and variables, abstract."""
    return _abstract


@pytest.fixture(scope="session")
def filled():
    """(network, shape, labels, scale) -> variables drawn from N(0, scale), variances and gains at one."""
    return _filled


@pytest.fixture(scope="session")
def run():
    """(network, x, labels, variables=, train=, seed=, grad=) -> output, what moved, and with ``grad`` the gradients of
    the output's mean square by parameter; the variables are :func:`filled`'s unless given.
    """
    return _run


@pytest.fixture(scope="session")
def parameters():
    """(network, shape, labels) -> how many parameters."""
    return lambda network, first, labels=_LABELS: sum(
        leaf.size for leaf in jax.tree.leaves(_abstract(network, first, labels)[1]["params"])
    )


@pytest.fixture(scope="session")
def kernels():
    """(network, shape, labels) -> the shapes of kernels by the path of their layer."""

    def shapes(network, first, labels=_LABELS):
        flat = traverse_util.flatten_dict(_abstract(network, first, labels)[1]["params"], sep="/")
        return {path.removesuffix("/kernel"): v.shape for path, v in flat.items() if path.endswith("/kernel")}

    return shapes


@pytest.fixture(scope="session")
def owners():
    """(variables, *names) -> paths of the layers that own variables of these names."""
    return lambda tree, *names: {path[:-1] for path in traverse_util.flatten_dict(tree) if path[-1] in names}
