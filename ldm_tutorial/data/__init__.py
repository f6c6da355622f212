"""What the images are: Peeps, CelebA(-HQ), FFHQ, LSUN, any folder. `open_images` opens them all."""

from ldm_tutorial.data.bundled import bundled
from ldm_tutorial.data.image_set import ImageSet
from ldm_tutorial.data.items import collate
from ldm_tutorial.data.pixels import to_float, to_uint8
from ldm_tutorial.data.sources import open_images
from ldm_tutorial.data.stream import ImageStream

__all__ = ["ImageSet", "ImageStream", "bundled", "collate", "open_images", "to_float", "to_uint8"]
