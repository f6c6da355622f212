"""Every experiment of the course, by name: `ldm recipes` lists them, `ldm train NAME` runs one.

The small ones (64 pixels) train in under an hour on two CPU cores. The big ones carry the numbers of
the paper (Rombach et al. 2022, tables 12 to 15 and the original release's configs) and want a GPU.
"""

from dataclasses import replace

from ldm_tutorial.first_stage import KLConfig, VQConfig
from ldm_tutorial.latent_diffusion import ScheduleConfig
from ldm_tutorial.training import DataConfig, FirstStageRecipe, LatentDiffusionRecipe, Recipe, TrainingConfig
from ldm_tutorial.unet import UNetConfig

# ---- on two cores -------------------------------------------------------------------------------------

SMALL_KL = KLConfig(
    channels=48,
    channel_mult=(1, 2),
    res_blocks=1,
    mid_attention=False,  # 16x16 latents: two 3x3 convolutions a block already see far enough
    stem=2,  # no convolution at 64x64, where a standard encoder spends three quarters of its time
    norm_groups=16,  # three channels a group, close to the four of a 128-channel network
)

SMALL_UNET = UNetConfig(
    channels=48,
    channel_mult=(
        1,
        2,
        2,
    ),  # 3.8 M parameters: more would see too few images in an hour to be worth their time
    res_blocks=1,
    attention=(2, 4),  # 8x8 and 4x4; attention at 16x16 costs a third of the time
    head_channels=32,
    norm_groups=16,
)

SMALL_STAGE = TrainingConfig(
    steps=6000,
    batch_size=8,  # small: at this budget more steps are worth more than smoother ones
    learning_rate=8e-4,  # far above the paper's 4.5e-6, for a network 50 times smaller
    warmup=200,
    decay="cosine",
    ema_decay=0.999,
    device="cpu",
)

SMALL_DIFFUSION = TrainingConfig(
    steps=4500,
    batch_size=16,
    learning_rate=8e-4,  # eight times the paper's, for a network 70 times smaller
    warmup=300,
    decay="cosine",
    ema_decay=0.998,  # an average over about 500 steps, a ninth of the run
    weight_decay=0.01,
    checkpoint_every=500,
)

PEEPS_KL_F4 = FirstStageRecipe(
    name="peeps-kl-f4",
    about="KL autoencoder of the bundled portraits, f = 4",
    data=DataConfig("peeps"),
    first_stage=replace(
        SMALL_KL, channels=32
    ),  # flat colours and outlines need fewer channels than skin and hair
    training=replace(SMALL_STAGE, steps=3500),  # drawings are learned in half the time of photographs
)

PEEPS_LDM = LatentDiffusionRecipe(
    name="peeps-ldm",
    about="portraits from captions, in the latents of peeps-kl-f4",
    data=DataConfig("peeps"),
    first_stage="peeps-kl-f4",
    unet=SMALL_UNET,
    condition="captions",
    prediction="v",  # weighs the noise levels evenly, which matters when steps are few
    training=SMALL_DIFFUSION,
)

PEEPS_PIXEL = LatentDiffusionRecipe(
    name="peeps-pixel",
    about="portraits from captions without a first stage: the same U-Net on pixels",
    data=DataConfig("peeps"),
    first_stage=None,
    unet=UNetConfig(3, 3, 48, (1, 2, 2), res_blocks=1, attention=(2, 4), head_channels=32, norm_groups=16),
    condition="captions",
    prediction="v",
    schedule=ScheduleConfig(
        "cosine"
    ),  # keeps the signal longer, as 64x64 pixels need (Nichol & Dhariwal 2021)
    training=SMALL_DIFFUSION,
)

CELEBA64_KL_F4 = FirstStageRecipe(
    name="celeba64-kl-f4",
    about="KL autoencoder of CelebA faces at 64x64, f = 4",
    data=DataConfig("celeba64", flip=True),
    first_stage=SMALL_KL,
    training=SMALL_STAGE,
)

CELEBA64_LDM = LatentDiffusionRecipe(
    name="celeba64-ldm",
    about="faces from 40 attributes, in the latents of celeba64-kl-f4",
    data=DataConfig("celeba64"),  # no mirror images: an hour on two cores sees each face only a few times
    first_stage="celeba64-kl-f4",
    unet=SMALL_UNET,
    condition="attributes",  # three quarters of the images have none: they train the null condition
    drop_rate=0.1,
    prediction="v",
    training=SMALL_DIFFUSION,
)

# ---- the paper's, on a GPU ----------------------------------------------------------------------------

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
    steps=410_000,
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


def paper_vq_f4(name: str, source: str, what: str) -> FirstStageRecipe:
    return FirstStageRecipe(
        name, f"the paper's vq-f4 on {what}", DataConfig(source, size=256), PAPER_VQ_F4, PAPER_STAGE
    )


def paper_ldm_f4(name: str, source: str, what: str, first_stage: str) -> LatentDiffusionRecipe:
    data = DataConfig(source, size=256, flip=True)
    return LatentDiffusionRecipe(
        name, f"the paper's LDM-4 on {what}", data, first_stage, PAPER_UNET_F4, PAPER_DIFFUSION
    )


CELEBAHQ256_VQ_F4 = paper_vq_f4("celebahq256-vq-f4", "celebahq256", "CelebA-HQ")
CELEBAHQ256_LDM = paper_ldm_f4("celebahq256-ldm", "celebahq256", "CelebA-HQ", "outputs/celebahq256-vq-f4")
LSUN_BEDROOMS256_VQ_F4 = paper_vq_f4("lsun-bedrooms256-vq-f4", "lsun-bedrooms", "LSUN bedrooms")
LSUN_BEDROOMS256_LDM = paper_ldm_f4(
    "lsun-bedrooms256-ldm", "lsun-bedrooms", "LSUN bedrooms", "outputs/lsun-bedrooms256-vq-f4"
)

LSUN_CHURCHES256_KL_F8 = FirstStageRecipe(
    name="lsun-churches256-kl-f8",
    about="the paper's kl-f8 on LSUN churches",
    data=DataConfig("lsun-churches", size=256),
    first_stage=KLConfig(latent_channels=4, channels=128, channel_mult=(1, 2, 4, 4), res_blocks=2),
    training=PAPER_STAGE,
)

LSUN_CHURCHES256_LDM = LatentDiffusionRecipe(
    name="lsun-churches256-ldm",
    about="the paper's LDM-8 on LSUN churches",
    data=DataConfig("lsun-churches", size=256, flip=True),
    first_stage="outputs/lsun-churches256-kl-f8",
    # 256 M parameters where the release has 294 M: it also resamples inside residual blocks
    unet=UNetConfig(
        channels=192,
        channel_mult=(1, 2, 2, 4, 4),
        res_blocks=2,
        attention=(1, 2, 4, 8),
        heads=8,
        head_channels=None,
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


def all_recipes() -> dict[str, Recipe]:
    """Every recipe under its name, in the order of this file."""
    recipes = [value for value in globals().values() if isinstance(value, Recipe)]
    return {recipe.name: recipe for recipe in recipes}
