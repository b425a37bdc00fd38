"""Scores as pure functions of arrays: of features, of their moments, of pixels."""

from jaxgan.metrics.density_coverage import density_coverage
from jaxgan.metrics.diversity import class_spread, classes_hit
from jaxgan.metrics.earth_mover import earth_movers_distance
from jaxgan.metrics.feature_moments import FeatureMoments, add_rows, mean_covariance, merge, zero_moments
from jaxgan.metrics.frechet import FewSamplesWarning, frechet_distance, frechet_of_moments
from jaxgan.metrics.inception_score import ScoreSums, add_logits, inception_score, split_of, zero_score_sums
from jaxgan.metrics.intra_class import intra_class_distance
from jaxgan.metrics.kernel import KernelDistance, kernel_distance
from jaxgan.metrics.mode_coverage import mode_coverage
from jaxgan.metrics.nearest import nearest
from jaxgan.metrics.precision_recall import precision_recall
from jaxgan.metrics.psnr import psnr
from jaxgan.metrics.sliced_wasserstein import laplacian_pyramid, sliced_wasserstein, sliced_wasserstein_pyramid
from jaxgan.metrics.ssim import class_ms_ssim, mean_pairwise_ms_ssim, ms_ssim, ssim
from jaxgan.metrics.toy import js_divergence, mode_kl, mode_scores

__all__ = [
    "FeatureMoments",
    "FewSamplesWarning",
    "KernelDistance",
    "ScoreSums",
    "add_logits",
    "add_rows",
    "class_ms_ssim",
    "class_spread",
    "classes_hit",
    "density_coverage",
    "earth_movers_distance",
    "frechet_distance",
    "frechet_of_moments",
    "inception_score",
    "intra_class_distance",
    "js_divergence",
    "kernel_distance",
    "laplacian_pyramid",
    "mean_covariance",
    "mean_pairwise_ms_ssim",
    "merge",
    "mode_coverage",
    "mode_kl",
    "mode_scores",
    "ms_ssim",
    "nearest",
    "precision_recall",
    "psnr",
    "sliced_wasserstein",
    "sliced_wasserstein_pyramid",
    "split_of",
    "ssim",
    "zero_moments",
    "zero_score_sums",
]
