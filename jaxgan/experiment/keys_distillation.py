"""Keys of recipes that distil a generator into a student."""

from jaxgan.experiment.key import MOST_SIDE, Key, choice, text, weight, whole
from jaxgan.experiment.keys_common import NETWORK, of
from jaxgan.experiment.keys_likelihood import FIRST
from jaxgan.features.perceptual_layers import NAMES as PERCEPTUAL_NETWORKS
from jaxgan.objectives.adversarial import ADVERSARIAL_LOSSES

_D = ("channel_base", "channel_max", "architecture", "stddev_rows", "low_sides", "low_dtype", "clamp", "param_dtype")
STUDENTS: dict[str, Key] = (
    {name: key for name, key in FIRST.items() if name != "first.codes"}
    | of("student", {name: NETWORK[name] for name in ("dtype", "param_dtype")})
    | of("discriminator", {name: NETWORK[name] for name in _D})
    | {
        "method.loss": choice("adversarial loss", *(n for n, pair in ADVERSARIAL_LOSSES.items() if not pair.paired)),
        "method.adversarial_weight": weight("of the adversarial loss in the student's"),
        "method.r1": weight("gamma of R1 on the teacher's images"),
        "method.r1_every": whole("steps between its updates, which have no other loss", 1, 2**20),
        "errors.absolute": weight("of L1 of bands and images at every side"),
        "errors.squared": weight("of their squared error"),
        "perceptual.weight": weight("of the perceptual loss"),
        "perceptual.network": choice("that it looks through", *PERCEPTUAL_NETWORKS),
        "perceptual.side": whole("that images are brought to before; none for their own", 1, MOST_SIDE, none=True),
        "perceptual.weights": text("file of its weights; none to look for them", none=True),
        "augment.policy": text("of DiffAugment, of color, translation and cutout; nothing for none"),
    }
)
