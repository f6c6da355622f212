"""Is it any good? Numbers for reconstructions and samples."""

from ldm_tutorial.metrics.attributes import (
    AttributeAccuracy,
    AttributeClassifier,
    AttributeClassifierConfig,
    attribute_accuracy,
)
from ldm_tutorial.metrics.bias import FewSamplesWarning, distances_by_n, extrapolate, measured_bias
from ldm_tutorial.metrics.compare import compare
from ldm_tutorial.metrics.extract import extract
from ldm_tutorial.metrics.frechet import Gaussian, frechet_distance
from ldm_tutorial.metrics.inception_features import InceptionFeatures
from ldm_tutorial.metrics.inception_score import inception_score
from ldm_tutorial.metrics.kernel import kernel_distance, kernel_distance_of_subsets
from ldm_tutorial.metrics.lite0_features import Lite0Features
from ldm_tutorial.metrics.manifolds import density_coverage, precision_recall
from ldm_tutorial.metrics.measurement import Measurement
from ldm_tutorial.metrics.moments import Moments
from ldm_tutorial.metrics.network import FeatureNetwork, Features, Labels
from ldm_tutorial.metrics.reconstruction import perceptual_distance, psnr, ssim

__all__ = [
    "AttributeAccuracy",
    "AttributeClassifier",
    "AttributeClassifierConfig",
    "FeatureNetwork",
    "Features",
    "FewSamplesWarning",
    "Gaussian",
    "InceptionFeatures",
    "Labels",
    "Lite0Features",
    "Measurement",
    "Moments",
    "attribute_accuracy",
    "compare",
    "density_coverage",
    "distances_by_n",
    "extract",
    "extrapolate",
    "frechet_distance",
    "inception_score",
    "kernel_distance",
    "kernel_distance_of_subsets",
    "measured_bias",
    "perceptual_distance",
    "precision_recall",
    "psnr",
    "ssim",
]
