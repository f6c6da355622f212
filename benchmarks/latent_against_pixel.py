"""What the first stage buys: the same U-Net on 64x64 pixels, and on the latents of f = 4 and f = 8.

Captioned images, 16 in a batch of pixels (65,536 places) and 64 in a batch of latents (16,384 and
4,096 places); the latents come from the cache, where not said otherwise.
Rombach et al. 2022, section 4.1, report 2.7 times the throughput for a whole training.
"""

import torch
from torch import Tensor

from benchmarks.device import DEVICE, precision, ready
from benchmarks.timing import rate, ratio, take_turns
from ldm_tutorial.conditioning import SPECIAL_WORDS, CaptionConfig
from ldm_tutorial.diffusion import guide
from ldm_tutorial.first_stage import KLConfig
from ldm_tutorial.latent_diffusion import LatentDiffusion, LatentDiffusionConfig
from ldm_tutorial.unet import UNetConfig

THREADED = True
HEADER = ["what", "f", "latents", "pixels, images/s", "latents, images/s", "latents / pixels"]
BATCH = {1: 16, 4: 64, 8: 64}  # by f
CHANNEL_MULT = {4: (1, 2), 8: (1, 2, 4)}  # of a first stage that begins by folding 2x2 pixels into one
STEP, ENCODING_STEP, GUIDED = "training step", "training step that encodes", "guided denoising step"


def table(rounds: int) -> list[list[str]]:
    torch.manual_seed(0)
    images = {f: (torch.rand(batch, 3, 64, 64) * 2 - 1).to(DEVICE) for f, batch in BATCH.items()}
    pixels = build(None)
    training, guided = {1: training_step(pixels, images[1])}, {1: guided_step(pixels, images[1])}
    encoding, shapes = {}, {}
    for f in CHANNEL_MULT:
        model = build(f)
        z = encode(model, images[f])
        shapes[f] = " x ".join(map(str, z.shape[1:]))
        training[f], guided[f] = training_step(model, z), guided_step(model, z)
        encoding[f] = training_step(model, images[f], encodes=True)
    turns = {(STEP, f): step for f, step in training.items()}
    turns |= {(ENCODING_STEP, f): step for f, step in encoding.items()}
    turns |= {(GUIDED, f): step for f, step in guided.items()}
    seconds = take_turns(turns, rounds, warmup=1)
    result = []
    for (what, f), of_latents in seconds.items():
        if f > 1:
            of_pixels = seconds[GUIDED if what == GUIDED else STEP, 1]
            rates = [rate(of_pixels, BATCH[1]), rate(of_latents, BATCH[f])]
            an_image = [[s / BATCH[n] for s in each] for n, each in ((1, of_pixels), (f, of_latents))]
            result.append([what, str(f), shapes[f], *rates, ratio(*an_image)])
    return result


def build(f: int | None) -> LatentDiffusion:
    """A model whose weights are not trained: time does not depend on them. f = None diffuses pixels."""
    words = CaptionConfig((*SPECIAL_WORDS, *(f"word{n}" for n in range(200))), 32)
    channels = 3 if f is None else 4
    unet = UNetConfig(channels, channels, channels=32, head_channels=32, context_dim=words.dim, norm_groups=8)
    stage = None if f is None else KLConfig(3, 4, 32, CHANNEL_MULT[f], 1, (), mid_attention=False, stem=2)
    model = LatentDiffusion(LatentDiffusionConfig(64, stage, unet, words))
    model.to(DEVICE, memory_format=torch.channels_last).first_stage.requires_grad_(False)
    model.unet = ready(model.unet, channels_last=True)
    return model


@torch.no_grad()
def encode(model: LatentDiffusion, images: Tensor) -> Tensor:
    with precision():
        return model.first_stage.encode(images).float()


def conditions(model: LatentDiffusion, batch: int) -> Tensor:
    caption = "word1 word2 word3 word4 word5 word6 word7 word8"
    return model.conditioner.tokenize([caption] * batch).to(DEVICE)


def training_step(model: LatentDiffusion, source: Tensor, encodes: bool = False):
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-5, fused=True)
    tokens = conditions(model, len(source))

    def step():
        z = encode(model, source) if encodes else source
        t = torch.randint(0, model.schedule.T, (len(source),), device=DEVICE)
        with precision():
            loss = model.loss(z, tokens, t, torch.randn_like(z)).mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


@torch.no_grad()
def guided_step(model: LatentDiffusion, z: Tensor):
    null = model.conditioner(model.conditioner.null_tokens[None].to(DEVICE))
    denoise, condition = guide(model.denoise, null, 3.0), model.conditioner(conditions(model, len(z)))
    t = torch.full((len(z),), 500, device=DEVICE)

    @torch.no_grad()
    def step():
        with precision():
            denoise(z, t, condition)

    return step
