import jax
import numpy as np
import pytest


@pytest.fixture(scope="session")
def random_variables():
    """Makes a network's variables: kernels that keep the scale through ReLUs, small biases. Linen's own initialisers
    take seconds to compile for each network.
    """

    def make(network, *inputs):
        rng = np.random.default_rng(0)
        return jax.tree.map(
            lambda x: np.float32(
                rng.standard_normal(x.shape) * (np.sqrt(2 / np.prod(x.shape[:-1])) if len(x.shape) > 1 else 0.1)
            ),
            jax.eval_shape(network.init, jax.random.key(0), *inputs),
        )

    return make
