"""Is it any good? Numbers for reconstructions and samples."""

from ldm_tutorial.metrics.attributes import (
    AttributeAccuracy,
    AttributeClassifier,
    AttributeClassifierConfig,
    attribute_accuracy,
)
from ldm_tutorial.metrics.reconstruction import perceptual_distance, psnr, ssim

__all__ = [
    "AttributeAccuracy",
    "AttributeClassifier",
    "AttributeClassifierConfig",
    "attribute_accuracy",
    "perceptual_distance",
    "psnr",
    "ssim",
]
