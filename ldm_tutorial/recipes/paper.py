"""The numbers of the paper (Rombach et al. 2022, tables 12 to 15, and the original release), for GPUs."""

from dataclasses import replace

from ldm_tutorial.first_stage import KLConfig, VQConfig
from ldm_tutorial.latent_diffusion import ScheduleConfig
from ldm_tutorial.training import DataConfig, FirstStageRecipe, LatentDiffusionRecipe, TrainingConfig
from ldm_tutorial.unet import UNetConfig

PAPER_STAGE = TrainingConfig(
    steps=533_000,  # vq-f4; kl-f8 took 247,000
    batch_size=8,
    learning_rate=3.6e-5,  # 4.5e-6 for each of the 8 images, written out
    betas=(0.5, 0.9),
    warmup=0,
    ema_decay=0.0,  # the original release keeps no average of the first stage
    mixed_precision="bf16",
    workers=8,
    log_every=100,
    strip_every=5000,
    checkpoint_every=5000,
)

PAPER_DIFFUSION = TrainingConfig(
    steps=410_000,  # CelebA-HQ; the larger sets are given more (table 12)
    batch_size=48,
    learning_rate=9.6e-5,  # 2e-6 for each of the 48 images, written out
    warmup=0,
    ema_decay=0.9999,
    mixed_precision="bf16",
    log_every=100,
    strip_every=5000,
    checkpoint_every=5000,
)

PAPER_VQ_F4 = VQConfig(latent_channels=3, channels=128, channel_mult=(1, 2, 4), res_blocks=2, codes=8192)

PAPER_UNET_F4 = UNetConfig(
    in_channels=3,
    out_channels=3,
    channels=224,  # so that every level divides into heads of 32 channels
    channel_mult=(1, 2, 3, 4),
    res_blocks=2,
    attention=(2, 4, 8),
    head_channels=32,
)


PAPER_LOSS = {
    "perceptual_weight": 1.0,
    "perceptual": "lpips",
    "adversarial_weight": 0.5,
    "adversarial_start": 50_001 / PAPER_STAGE.steps,
}


def paper_vq_f4(name: str, source: str, what: str) -> FirstStageRecipe:
    data = DataConfig(source, size=256)
    return FirstStageRecipe(
        name, f"the paper's vq-f4 on {what}", data, PAPER_VQ_F4, PAPER_STAGE, **PAPER_LOSS
    )


def paper_ldm_f4(name: str, source: str, what: str, first_stage: str, steps: int) -> LatentDiffusionRecipe:
    data, training = DataConfig(source, size=256, flip=True), replace(PAPER_DIFFUSION, steps=steps)
    return LatentDiffusionRecipe(
        name, f"the paper's LDM-4 on {what}", data, first_stage, PAPER_UNET_F4, training
    )


CELEBAHQ256_VQ_F4 = paper_vq_f4("celebahq256-vq-f4", "celebahq256", "CelebA-HQ")
CELEBAHQ256_LDM = paper_ldm_f4(
    "celebahq256-ldm", "celebahq256", "CelebA-HQ", "outputs/celebahq256-vq-f4", steps=410_000
)
LSUN_BEDROOMS256_VQ_F4 = paper_vq_f4("lsun-bedrooms256-vq-f4", "lsun-bedrooms", "LSUN bedrooms")
LSUN_BEDROOMS256_LDM = paper_ldm_f4(
    "lsun-bedrooms256-ldm",
    "lsun-bedrooms",
    "LSUN bedrooms",
    "outputs/lsun-bedrooms256-vq-f4",
    steps=1_900_000,  # over 3 million images, where CelebA-HQ has 30,000 (table 12)
)

LSUN_CHURCHES256_KL_F8 = FirstStageRecipe(
    name="lsun-churches256-kl-f8",
    about="the paper's kl-f8 on LSUN churches",
    data=DataConfig("lsun-churches", size=256),
    first_stage=KLConfig(latent_channels=4, channels=128, channel_mult=(1, 2, 4, 4), res_blocks=2),
    training=PAPER_STAGE,
    **PAPER_LOSS,
)

LSUN_CHURCHES256_LDM = LatentDiffusionRecipe(
    name="lsun-churches256-ldm",
    about="the paper's LDM-8 on LSUN churches",
    data=DataConfig("lsun-churches", size=256, flip=True),
    first_stage="outputs/lsun-churches256-kl-f8",
    unet=UNetConfig(  # 294 M parameters, as released
        channels=192,
        channel_mult=(1, 2, 2, 4, 4),
        res_blocks=2,
        attention=(1, 2, 4, 8),
        heads=8,
        head_channels=None,
        use_scale_shift_norm=True,  # these two in the release's config of this model alone
        resblock_updown=True,
    ),
    schedule=ScheduleConfig(beta_start=0.0015, beta_end=0.0155),
    loss="l1",  # of all its image models only this one, inpainting and layouts use L1
    training=TrainingConfig(
        steps=500_000,
        batch_size=96,
        learning_rate=5e-5,
        warmup=10_000,
        ema_decay=0.9999,
        mixed_precision="bf16",
        log_every=100,
        strip_every=5000,
        checkpoint_every=5000,
    ),
)
