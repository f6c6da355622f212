"""First stages for one CPU core and 10 to 40 minutes: portraits (Peeps) and faces (CelebA), 64 pixels."""

from dataclasses import asdict, replace

from ldm_tutorial.first_stage import KLConfig, PlainConfig, VQConfig
from ldm_tutorial.training import DataConfig, FirstStageRecipe, TrainingConfig

SMALL_KL = KLConfig(
    channels=48,
    channel_mult=(1, 2),
    res_blocks=1,
    mid_attention=False,  # 16x16 latents: two 3x3 convolutions a block already see far enough
    stem=2,  # no convolution at 64x64, where a standard encoder spends three quarters of its time
    norm_groups=16,  # three channels a group, close to the four of a 128-channel network
)

SMALL_STAGE = TrainingConfig(
    steps=9000,
    batch_size=8,  # small: at this budget more steps are worth more than smoother ones
    learning_rate=8e-4,  # far above the paper's 4.5e-6, for a network 50 times smaller
    warmup=200,
    decay="cosine",
    ema_decay=0.999,
    device="cpu",
)

PEEPS_KL_F4 = FirstStageRecipe(
    name="peeps-kl-f4",
    about="KL autoencoder of the bundled portraits, f = 4",
    data=DataConfig("peeps"),
    first_stage=SMALL_KL,  # 32 channels are twice as fast, and 3 dB behind after 3,000 steps
    training=replace(SMALL_STAGE, steps=5000),
)

# The downsampling study: more latent channels only where the paper has them.
STUDY = replace(SMALL_STAGE, steps=1500)  # shorter: they are there to be compared

PEEPS_KL_F2 = replace(
    PEEPS_KL_F4,
    name="peeps-kl-f2",
    about="KL autoencoder of the bundled portraits, f = 2",
    first_stage=replace(PEEPS_KL_F4.first_stage, channel_mult=(1,)),
    training=STUDY,
)
PEEPS_KL_F8 = replace(
    PEEPS_KL_F4,
    name="peeps-kl-f8",
    about="KL autoencoder of the bundled portraits, f = 8",
    first_stage=replace(PEEPS_KL_F4.first_stage, channel_mult=(1, 2, 4)),
    training=STUDY,
)
PEEPS_KL_F16 = replace(
    PEEPS_KL_F4,
    name="peeps-kl-f16",
    about="KL autoencoder of the bundled portraits, f = 16",
    first_stage=replace(PEEPS_KL_F4.first_stage, channel_mult=(1, 2, 3, 3), latent_channels=16),
    training=STUDY,
)

PEEPS_VQ_F4 = replace(
    PEEPS_KL_F4,
    name="peeps-vq-f4",
    about="VQ autoencoder of the bundled portraits, f = 4, 512 codes",
    first_stage=VQConfig(
        **asdict(PEEPS_KL_F4.first_stage),
        codes=512,  # a batch has 2048 vectors, four for each code
        ema_decay=0.99,
        restart=0.1,  # without it a third of the codes or more is never used
    ),
    training=replace(SMALL_STAGE, steps=3000),
)

# A VAE to draw from, not a first stage: its prior must be met, so the KL has the weight of the likelihood.
PEEPS_VAE_F32 = replace(
    PEEPS_KL_F4,
    name="peeps-vae-f32",
    about="VAE of the bundled portraits: N(0, I) in its latents decodes to new ones",
    first_stage=replace(
        SMALL_KL,
        latent_channels=32,  # in 2x2 places: 128 numbers for a whole portrait
        channel_mult=(1, 2, 3, 4, 4),
        mid_attention=True,  # what the four places draw must fit together
    ),
    kl_weight=0.1,  # |x - copy| / 0.1 + KL is the negative ELBO of a Laplace distribution of scale 0.1
    training=replace(SMALL_STAGE, batch_size=16, learning_rate=1e-3),
)

PEEPS_AE_F4 = replace(
    PEEPS_KL_F4,
    name="peeps-ae-f4",
    about="autoencoder of the bundled portraits without regularisation, f = 4",
    first_stage=PlainConfig(**asdict(PEEPS_KL_F4.first_stage)),
    training=replace(SMALL_STAGE, steps=2000),
)


def sharper(recipe: FirstStageRecipe) -> FirstStageRecipe:
    """A new decoder for a first stage, with the full loss; its latents stay, and what was trained on them."""
    return replace(
        recipe,
        name=f"{recipe.name}-gan",
        about=f"{recipe.name} with a decoder trained on perceptual and adversarial loss",
        start_from=recipe.name,
        train="decoder",
        perceptual_weight=1.0,
        adversarial_weight=0.2,  # the paper has 0.5; at chance even 0.2 cost a first try 3.6 dB
        adversarial_start=0.1,  # until then the perceptual loss has done most of its part
        discriminator_rate=5.0,  # in the first try, at the decoder's rate (2e-4), it never left chance
        discriminator_layers=2,  # patches of 34 of 64 pixels: the paper's 70 would see all of a picture
        discriminator_channels=32,
        training=replace(
            recipe.training,
            steps=1600,
            learning_rate=1e-4,  # the decoder knows its task
            betas=(0.5, 0.9),  # the paper's, for a contest whose gradients turn
        ),
    )


PEEPS_KL_F4_GAN = sharper(PEEPS_KL_F4)

CELEBA64_KL_F4 = FirstStageRecipe(
    name="celeba64-kl-f4",
    about="KL autoencoder of CelebA faces at 64x64, f = 4",
    data=DataConfig("celeba64", flip=True),
    first_stage=SMALL_KL,
    training=SMALL_STAGE,
)

CELEBA64_KL_F8 = replace(
    CELEBA64_KL_F4,
    name="celeba64-kl-f8",
    about="KL autoencoder of CelebA faces at 64x64, f = 8",
    first_stage=replace(SMALL_KL, channel_mult=(1, 2, 4)),
    training=STUDY,
)

CELEBA64_VQ_F4 = replace(
    CELEBA64_KL_F4,
    name="celeba64-vq-f4",
    about="VQ autoencoder of CelebA faces at 64x64, f = 4, 1024 codes",
    first_stage=VQConfig(**asdict(SMALL_KL), codes=1024, ema_decay=0.99, restart=0.1),
    training=replace(SMALL_STAGE, steps=3000),
)

CELEBA64_VAE_F32 = replace(
    PEEPS_VAE_F32,
    name="celeba64-vae-f32",
    about="VAE of CelebA faces at 64x64: N(0, I) in its latents decodes to new ones",
    data=DataConfig("celeba64", flip=True),
)

CELEBA64_KL_F4_GAN = sharper(CELEBA64_KL_F4)
