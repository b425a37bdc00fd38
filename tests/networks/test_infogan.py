import numpy as np

from jaxgan.networks.infogan import Discriminator, Generator
from jaxgan.nn import sown

RNG = np.random.default_rng(0)
LABELS = np.array([0, 2, 1, 2], np.int32)
IMAGES = RNG.uniform(-1, 1, size=(4, 8, 8, 2)).astype(np.float32)
TINY_D = Discriminator(hidden=6, widths=(2, 4))


def test_the_defaults_are_the_papers_mnist(kernels):
    """models/regularized_gan.py, whose layers all have biases: G is FC 74-1024, FC 1024-6272, deconv 128-64 and 64-1
    (4x4), and batch norms of 1024, 6272 and 64; D is conv 1-64 and 64-128 (4x4), FC 6272-1024, FC 1024-1, and batch
    norms of 128 and 1024.
    """
    assert kernels(Generator(), (74,)) == {
        "hidden": (74, 1024),
        "project": (1024, 6272),
        "conv_0": (4, 4, 128, 64),
        "to_image": (4, 4, 64, 1),
    }
    assert kernels(Discriminator(), (28, 28, 1)) == {
        "conv_0": (4, 4, 1, 64),
        "conv_1": (4, 4, 64, 128),
        "hidden": (6272, 1024),
        "head/linear": (1024, 1),
    }


def test_the_logit_is_linear_in_what_q_reads(filled, run):
    logits, moved, _ = run(TINY_D, IMAGES, LABELS)
    head = filled(TINY_D, IMAGES.shape[1:])["params"]["head"]["linear"]
    expected = sown(moved["features"])[-1] @ head["kernel"][:, 0] + head["bias"]
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)
