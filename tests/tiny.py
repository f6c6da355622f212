"""The smallest models that have all the parts of the real ones."""

from ldm_tutorial.conditioning import AttributeConfig
from ldm_tutorial.first_stage import KLConfig
from ldm_tutorial.latent_diffusion import LatentDiffusionConfig
from ldm_tutorial.unet import UNetConfig

KL = KLConfig(channels=8, channel_mult=(1, 2), res_blocks=1, mid_attention=False, norm_groups=4)
UNET = UNetConfig(
    channels=16,
    channel_mult=(1, 2),
    res_blocks=1,
    attention=(2,),
    head_channels=16,
    context_dim=8,
    norm_groups=8,
)
LDM = LatentDiffusionConfig(
    image_size=16, first_stage=KL, unet=UNET, conditioner=AttributeConfig(("Hat", "Smiling"), dim=8)
)
