import jax
import numpy as np
import pytest
from jax import lax

from jaxgan.nn.depthwise_conv import depthwise_conv

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("side", [1, 3, 5])
def test_it_is_a_convolution_of_as_many_groups_as_channels(side):
    x, kernel = (RNG.normal(size=shape).astype(np.float32) for shape in ((2, 5, 7, 4), (side, side, 4)))

    def grouped(x, kernel):
        return lax.conv_general_dilated(
            x,
            kernel[:, :, None],
            (1, 1),
            [(side // 2, side // 2)] * 2,
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
            feature_group_count=4,
        )

    np.testing.assert_allclose(depthwise_conv(x, kernel), grouped(x, kernel), rtol=1e-4, atol=1e-5)
    slopes = [jax.grad(lambda x, k, f=f: (f(x, k) ** 2).sum(), (0, 1))(x, kernel) for f in (depthwise_conv, grouped)]
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4), *slopes)


def test_an_even_kernel_has_no_middle():
    with pytest.raises(ValueError, match="a kernel of 2 pixels has no middle"):
        depthwise_conv(np.zeros((1, 4, 4, 1), np.float32), np.zeros((2, 2, 1), np.float32))
