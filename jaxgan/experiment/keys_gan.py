"""Keys of recipes that name their ``networks``: GANs of latents and labels, and what can be added to the game."""

from jaxgan.augment.ada import PIPELINES
from jaxgan.augment.diff_augment import parse_policy
from jaxgan.experiment.key import MOST_SIDE, MOST_UNITS, Key, choice, flag, number, share, text, weight, whole, wholes
from jaxgan.experiment.keys_common import NETWORK, REGEX, of, regex
from jaxgan.latent.prior import PRIOR_KINDS
from jaxgan.objectives.adversarial import ADVERSARIAL_LOSSES

_POLICY = "some of color,translation,cutout, joined by commas, or nothing"
_TRANSFORMS = "some of flip,translation,color,cutout, joined by commas, or nothing"


def _transforms(names: str) -> None:
    parse_policy(",".join(name for name in names.split(",") if name not in ("", "flip")))


GAME = {
    "networks": text("family of networks"),
    "multi_scale.scales": whole("scales that D judges", 1, 16),
    "prior.kind": choice("noise of the latents", *PRIOR_KINDS),
    "prior.categorical": wholes("categories of each code", 2, MOST_UNITS),
    "prior.continuous": whole("continuous codes", 0, MOST_UNITS),
    "method.loss": choice("adversarial loss", *sorted(ADVERSARIAL_LOSSES)),
    "method.label_smoothing": share("taken off D's target for real images", high=None, below=1),
    "method.d_steps": whole("updates of D a step", 1, 1024),
    "method.g_steps": whole("updates of G a step", 1, 1024),
    "method.joint": flag("real and fake images go through D in one batch"),
    "method.g_stats_in_d": flag("D's updates move G's running statistics"),
    "method.adversarial_weight": weight("of the adversarial loss in G's"),
    "latents.from_data": flag("fakes take the classes of the real batch"),
    "preprocess.dequantize": flag("uniform noise of a level's width on real images"),
    "clip.bound": number("D's weights stay within it; 0 for no bound", low=0),
    "top_k.minimum": share("least share of the fakes that G learns from; 1 for all", low=None, above=0),
    "top_k.decay": share("of the share, after each span of steps", low=None, above=0),
    "top_k.steps": whole("steps of a span", 1),
    "orthogonal.weight": weight("of orthogonal regularization"),
    "orthogonal.exclude": text("parameters left out, as g/PATH; none for none", check=regex, form=REGEX, none=True),
    "microbatches.count": whole("micro-batches that a batch is cut in", 1, 2**20),
    "microbatches.noise_scale": flag("log the gradient noise scale"),
    "microbatches.unroll": flag("write the micro-batches out; none to choose by the device", none=True),
    "imle.examples": whole("of the training set", 1),
    "imle.samples_per_example": number("drawn for each assignment", above=0),
    "imle.block": whole("samples that are compared at once", 1, 2**20),
    "imle.every_steps": whole("steps between two assignments", 1),
    "imle.noise": number("deviation of what is added to an assigned latent", low=0),
    "growing.first_side": whole("pixels that growth begins at, a power of two", 4, MOST_SIDE),
    "growing.hold_images": whole("images at each side but the last", 1),
    "growing.fade_images": whole("images in which a side fades in", 1),
    "growing.batch_sizes": wholes("images of a step at 4 pixels, 8, ...; the last holds for larger ones"),
    "growing.learning_rates": Key(
        meaning="of both players at 4 pixels, 8, ...; the last holds for larger ones", kinds=("numbers",), above=0
    ),
    "pyramid.levels": whole("levels of the pyramid", 2, 16),
    "pyramid.coarse_z_dim": whole("numbers of the smallest level's latent", 1, MOST_UNITS),
    "pyramid.coarse_hidden_g": wholes("units of the smallest level's G", high=MOST_UNITS),
    "pyramid.coarse_hidden_d": wholes("units of the smallest level's D", high=MOST_UNITS),
}

TERMS = {
    "regularizers.penalties.gp": weight("of WGAN-GP's penalty"),
    "regularizers.penalties.gp_target": number("norm that it asks for", low=0),
    "regularizers.penalties.gp_one_sided": flag("smaller norms are free"),
    "regularizers.penalties.dragan": weight("of DRAGAN's penalty"),
    "regularizers.penalties.r1": weight("of R1, on real images"),
    "regularizers.penalties.r2": weight("of R2, on fakes"),
    "regularizers.penalties.zero_centred": weight("of the zero-centred penalty"),
    "regularizers.penalties.every": whole("on every n-th step only, n times as strong", 1),
    "regularizers.drift.weight": weight("of D's squared outputs on real images"),
    "regularizers.path_length.weight": weight("of path length regularisation"),
    "regularizers.path_length.decay": share("of new lengths in the running mean", above=0),
    "regularizers.path_length.every": whole("on every n-th step only, n times as strong", 1),
    "regularizers.path_length.parts": whole("the first part of so many of the batch is used", 1, 1024),
    "regularizers.consistency.cr": weight("of consistency on real images"),
    "regularizers.consistency.bcr_real": weight("of balanced consistency on real images"),
    "regularizers.consistency.bcr_fake": weight("of balanced consistency on fakes"),
    "regularizers.consistency.zcr_d": weight("of latent consistency in D"),
    "regularizers.consistency.zcr_g": weight("of latent diversity in G"),
    "regularizers.consistency.zcr_sigma": number("deviation of the latents' change", above=0),
    "regularizers.consistency.transforms": text("what augments", check=_transforms, form=_TRANSFORMS),
    "regularizers.lecam.weight": weight("of LeCam regularization"),
    "regularizers.lecam.decay": share("of its running means", high=None, below=1),
    "regularizers.lecam.start_step": whole("step from which it acts"),
    "regularizers.feature_matching.weight": weight("of feature matching"),
    "regularizers.mode_seeking.weight": weight("of the mode-seeking term"),
    "regularizers.historical.g": weight("of historical averaging in G"),
    "regularizers.historical.d": weight("of historical averaging in D"),
    "regularizers.spread.directions": whole(
        "random ones that the logged spread of fakes is projected on; 0 for off", 0, 2**12
    ),
    "augment.apa.on": flag("adaptive pseudo augmentation"),
    "augment.apa.target": number(
        "mean sign of D on real images; below -1 the probability always rises", low=-2, high=1
    ),
    "augment.apa.speed_images": whole("images in which the probability could rise from 0 to 1", 1),
    "augment.diffaugment.policy": text("of DiffAugment", check=parse_policy, form=_POLICY),
    "augment.ada.pipeline": choice("of ADA; nothing for none", "", *PIPELINES),
    "augment.ada.target": number(
        "mean sign of D on real images; below -1 the probability always rises", low=-2, high=1
    ),
    "augment.ada.speed_images": whole("images in which the probability could rise from 0 to 1", 1),
    "augment.instance_noise.sigma": number("deviation of the noise on D's images at the start; 0 for none", low=0),
    "augment.instance_noise.steps": whole("steps after which it is gone; 0 to keep it"),
    "heads.auxiliary.real": weight("of D's classes of real images"),
    "heads.auxiliary.fake": weight("of D's classes of fakes"),
    "heads.auxiliary.generator": weight("of the classes in G's loss"),
    "heads.information.categorical": weight("of categorical codes found again"),
    "heads.information.continuous": weight("of continuous codes found again"),
}

# Sections of those that name their ``networks``.
ADVERSARIAL: dict[str, Key] = {**GAME, **TERMS, **of("generator", NETWORK), **of("discriminator", NETWORK)}
