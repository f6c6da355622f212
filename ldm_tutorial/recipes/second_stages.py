"""Generative models that train in hours on two CPU cores, in the latents of first_stages.py or on pixels."""

from dataclasses import replace

from ldm_tutorial.latent_diffusion import ScheduleConfig
from ldm_tutorial.training import CodePriorRecipe, DataConfig, LatentDiffusionRecipe, TrainingConfig
from ldm_tutorial.unet import UNetConfig

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

SMALL_DIFFUSION = TrainingConfig(
    steps=7500,
    batch_size=16,
    learning_rate=8e-4,  # eight times the paper's, for a network 70 times smaller
    warmup=300,
    decay="cosine",
    ema_decay=0.998,  # an average over about 500 steps: the end of the run, when the learning rate is low
    weight_decay=0.01,
    checkpoint_every=500,
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

PEEPS_PRIOR_F4 = CodePriorRecipe(
    name="peeps-prior-f4",
    about="portraits written code by code: a transformer over the codes of peeps-vq-f4",
    data=DataConfig("peeps", flip=True),  # it has most parameters for its data of all recipes here
    first_stage="peeps-vq-f4",
    training=TrainingConfig(
        steps=2000,
        batch_size=16,
        learning_rate=1e-3,
        warmup=100,
        decay="cosine",
        betas=(0.9, 0.95),  # as in VQ-GAN
        weight_decay=0.01,
        ema_decay=0.99,
        device="cpu",
        strip_every=500,
    ),
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
    training=replace(SMALL_DIFFUSION, steps=6500),
)
