"""What the two stages minimise, and what their gradients reach."""

import pytest
import torch
from tiny import KL, LDM

from ldm_tutorial.conditioning.attributes import UNKNOWN
from ldm_tutorial.diffusion import min_snr_weight
from ldm_tutorial.first_stage import KLAutoencoder, VQAutoencoder, VQConfig
from ldm_tutorial.latent_diffusion import LatentDiffusion
from ldm_tutorial.training import (
    DiffusionObjective,
    FirstStageObjective,
    TrainingConfig,
    cached_latents,
    train,
)
from ldm_tutorial.training.start import HeldPixels

GENERATOR = torch.Generator().manual_seed(0)
PIXELS = torch.randint(0, 256, (40, 3, 16, 16), dtype=torch.uint8, generator=GENERATOR)


def diffusion(drop_rate=0.5):
    torch.manual_seed(0)
    model = LatentDiffusion(LDM)
    latents = torch.randn(40, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    tokens = model.conditioner.tokenize([{"Hat": i % 2 == 0, "Smiling": True} for i in range(40)])
    return DiffusionObjective(model, latents, tokens, drop_rate, wishes=[{"Hat": True}])


def step(objective, size=16):
    indices = torch.arange(size)
    batch = objective.randomness(indices, torch.Generator().manual_seed(0)) | objective.fetch(indices)
    loss, logs = objective(batch)
    loss.backward()
    return loss, logs, batch


def test_first_stage_loss_is_l1_plus_weighted_kl():
    torch.manual_seed(0)
    model = KLAutoencoder(KL)
    objective = FirstStageObjective(model, HeldPixels(PIXELS), torch.zeros(2, 3, 16, 16), kl_weight=0.3)
    loss, logs, batch = step(objective)
    x = PIXELS[:16].float() / 127.5 - 1
    posterior = model.posterior(x)
    out = model.decode_unscaled(posterior.mean + posterior.std * batch["noise"])
    per_image = (out - x).abs().sum((1, 2, 3)) + 0.3 * posterior.kl()  # the original release's sum
    torch.testing.assert_close(loss, per_image.mean() / (3 * 16 * 16))
    mse = (out - x).square().mean((1, 2, 3))
    torch.testing.assert_close(logs["psnr"][0], (10 * torch.log10(4 / mse)).sum())


def test_vq_first_stage_loss_is_l1_plus_the_codebooks():
    torch.manual_seed(0)
    config = VQConfig(
        latent_channels=2,
        codes=16,
        channels=8,
        channel_mult=(1, 2),
        res_blocks=1,
        mid_attention=False,
        norm_groups=4,
    )
    model = VQAutoencoder(config)
    objective = FirstStageObjective(model, HeldPixels(PIXELS), torch.zeros(2, 3, 16, 16))
    loss, logs, _ = step(objective)
    x = PIXELS[:16].float() / 127.5 - 1
    quantised = model.codebook(model.latents(x))
    torch.testing.assert_close(loss, (model.decode_unscaled(quantised.z) - x).abs().mean() + quantised.loss)
    assert model.codebook.weight.grad.abs().sum() > 0 and "codebook" in logs
    assert objective.strip().shape == (4, 3, 16, 16)


def test_diffusion_trains_the_unet_and_the_conditioner_but_not_the_first_stage():
    objective = diffusion()
    step(objective)
    model = objective.model
    assert all(p.grad is None and not p.requires_grad for p in model.first_stage.parameters())
    assert all(p.grad is not None for p in model.unet.parameters())
    trained = {id(p) for p in objective.parameters() if p.requires_grad}
    expected = {id(p) for m in (model.unet, model.conditioner) for p in m.parameters()}
    assert trained == expected, "every weight of U-Net and conditioner, and no other, should be trained"


def test_null_condition_is_learned():
    objective = diffusion(drop_rate=1.0)
    torch.nn.init.normal_(objective.model.unet.conv_out.weight)  # starts at zero, which hides all gradients
    for parameter in objective.model.unet.parameters():
        if parameter.dim() > 1 and not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1)
    step(objective)
    gradient = objective.model.conditioner.states.weight.grad.view(2, 3, -1)
    assert gradient[:, UNKNOWN].abs().sum() > 0, "dropped conditions should train the unknown state"
    assert gradient[:, [s for s in range(3) if s != UNKNOWN]].abs().sum() == 0


def test_loss_by_level_is_the_loss_sorted_by_t():
    loss, logs, batch = step(diffusion(), size=40)
    sums, counts = logs["loss_by_level"]
    assert counts.sum() == 40
    assert counts.tolist() == [(batch["t"] // 100 == level).sum().item() for level in range(10)]
    torch.testing.assert_close(sums.sum() / 40, loss.detach())


@pytest.mark.parametrize("dtype", [torch.bfloat16])
def test_diffusion_loss_in_low_precision_is_near(dtype):
    objective = diffusion()
    loss, _, batch = step(objective)
    with torch.autocast("cpu", dtype):
        low, _ = objective(batch)
    assert low.dtype == torch.float32
    assert low.item() == pytest.approx(loss.item(), rel=2e-2)


def test_both_stages_learn_through_the_loop(tmp_path):
    config = TrainingConfig(
        steps=40,
        batch_size=8,
        learning_rate=3e-3,
        warmup=5,
        log_every=5,
        strip_every=40,
        checkpoint_every=40,
        device="cpu",
    )
    torch.manual_seed(0)
    ramp = torch.linspace(0, 255, 16).to(torch.uint8).expand(20, 3, 16, 16).contiguous()
    first = FirstStageObjective(KLAutoencoder(KL), HeldPixels(ramp), torch.zeros(2, 3, 16, 16))
    records = train(first, config, tmp_path / "kl", progress=False)
    assert records[-1]["loss"] < records[0]["loss"] / 2
    records = train(diffusion(), config, tmp_path / "ldm", progress=False)
    assert len(records[-1]["loss_by_level"]) == 10
    assert records[-1]["loss"] < records[0]["loss"]


class Counted(HeldPixels):
    fingerprint = "abc"
    decoded = 0

    def pixels(self, indices):
        self.decoded += len(indices)
        return super().pixels(indices)


def test_latents_are_computed_once_for_one_first_stage(tmp_path):
    torch.manual_seed(0)
    model, images = KLAutoencoder(KL).eval(), Counted(PIXELS)
    first = cached_latents(model, images, tmp_path, batch_size=16, progress=False)
    again = cached_latents(model, images, tmp_path, progress=False)
    assert images.decoded == 40 and torch.equal(first, again)
    expected = model.encode(PIXELS[:3].float() / 127.5 - 1)
    torch.testing.assert_close(first[:3].float(), expected, rtol=1e-2, atol=1e-2)
    with torch.no_grad():
        model.quant_conv.bias += 1
    moved = cached_latents(model, images, tmp_path, progress=False)
    assert images.decoded == 80 and not torch.equal(first, moved), "other weights should mean other latents"


def test_damaged_cache_is_computed_again(tmp_path):
    torch.manual_seed(0)
    model, images = KLAutoencoder(KL).eval(), Counted(PIXELS)
    first = cached_latents(model, images, tmp_path, progress=False)
    (file,) = tmp_path.glob("*.safetensors")
    file.write_bytes(b"half")
    assert torch.equal(cached_latents(model, images, tmp_path, progress=False), first)


def test_min_snr_weighs_what_is_minimised_and_not_what_is_logged():
    plain, weighted = diffusion(), diffusion()
    snr = plain.model.schedule.snr
    weighted.weights = min_snr_weight(snr, "epsilon", 5.0)
    _, logs, batch = step(plain)
    weighted_loss, weighted_logs, _ = step(weighted)
    each = plain.model.loss(batch["z"], batch["tokens"], batch["t"], batch["noise"])
    weight = (5 / snr[batch["t"]]).clamp(max=1).float()
    torch.testing.assert_close(weighted_loss, (weight * each).mean())
    torch.testing.assert_close(weighted_logs["loss"], logs["loss"])
    built = DiffusionObjective(plain.model, plain.latents, plain.tokens, 0.5, min_snr_gamma=5.0)
    torch.testing.assert_close(built.weights, weighted.weights)
    with pytest.raises(ValueError, match="gamma is 0; min-SNR weighting needs a positive one"):
        DiffusionObjective(plain.model, plain.latents, plain.tokens, 0.5, min_snr_gamma=0)
