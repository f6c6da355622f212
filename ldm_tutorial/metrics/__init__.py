"""Is it any good? Numbers for reconstructions and samples."""

from ldm_tutorial.metrics.attributes import AttributeClassifier, AttributeClassifierConfig
from ldm_tutorial.metrics.reconstruction import psnr, ssim

__all__ = ["AttributeClassifier", "AttributeClassifierConfig", "psnr", "ssim"]
