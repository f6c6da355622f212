"""Feature networks against those of torch-fidelity, torchvision and the packages they come from."""

import hashlib
from typing import get_args

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from ldm_tutorial.first_stage.perceptual import efficientnet_lite0
from ldm_tutorial.metrics import InceptionFeatures, Lite0Features
from ldm_tutorial.metrics import inception_features as inception
from ldm_tutorial.metrics.resize import Resize, resize


def noise(n=2, height=64, width=64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, 3, height, width), generator=generator, dtype=torch.uint8)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Random weights under the published names, by which signals keep their size through all layers."""
    from torchvision.models.inception import Inception3

    torch.manual_seed(0)
    state = Inception3(num_classes=1008, aux_logits=False, init_weights=False).state_dict()
    for name, value in state.items():
        if name.endswith("conv.weight"):
            torch.nn.init.kaiming_normal_(value, nonlinearity="relu")
        elif name.endswith(("bn.weight", "running_var")):
            value.uniform_(0.8, 1.2)
        elif name.endswith(("bn.bias", "running_mean")):
            value.normal_(std=0.1)
    path = tmp_path_factory.mktemp("weights") / "random.pth"
    torch.save(state, path)
    return path


@pytest.mark.parametrize("size", [(64, 64), (33, 90), (350, 299)])
def test_resizing_as_torch_fidelity(size):
    from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x

    images = noise(1, *size)
    theirs = interpolate_bilinear_2d_like_tensorflow1x(images.float(), size=(299, 299), align_corners=False)
    assert torch.equal(resize(images, 299, "torch-fidelity"), theirs), "the same bits on a CPU"


@pytest.mark.parametrize("size", [(64, 64), (33, 90), (350, 400)])
def test_resizing_as_clean_fid_with_pillow(size):
    images = noise(1, *size)
    channels = [Image.fromarray(channel.float().numpy()) for channel in images[0]]
    theirs = [np.asarray(c.resize((299, 299), Image.Resampling.BICUBIC)).clip(0, 255) for c in channels]
    ours = resize(images, 299, "clean-fid")[0]
    torch.testing.assert_close(ours, torch.from_numpy(np.stack(theirs)), atol=1e-2, rtol=0)


def test_resizing_as_pytorch_fid_and_how_far_apart_the_three_are():
    images = noise(1)
    theirs = F.interpolate(images.float() / 255, (299, 299), mode="bilinear", align_corners=False) * 255
    pytorch_fid = resize(images, 299, "pytorch-fid")
    torch.testing.assert_close(pytorch_fid, theirs, atol=1e-3, rtol=0)
    apart = (pytorch_fid - resize(images, 299, "torch-fidelity")).abs().mean()
    assert 25 < apart < 40, "on noise the filters differ by some 33 grey levels"
    with pytest.raises(ValueError, match="resize is 'lanczos'; accepted are torch-fidelity, clean-fid"):
        resize(images, 299, "lanczos")


def test_inception_from_pixels_to_features_is_torch_fidelitys(weights):
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    theirs = FeatureExtractorInceptionV3(
        "x", ["2048", "logits_unbiased"], feature_extractor_weights_path=str(weights)
    )
    spatial = []
    theirs.Mixed_6d.branch1x1.register_forward_hook(lambda _, __, output: spatial.append(output[:, :7]))
    images = noise(2)
    ours = InceptionFeatures("torch-fidelity", weights)(images)
    pooled, logits = theirs(images)
    assert pooled.std() > 0.05, "signals reach the end, or there would be nothing to compare"
    for mine, other in ((ours.pooled, pooled), (ours.logits, logits), (ours.spatial, spatial[0].flatten(1))):
        assert mine.shape == other.shape
        assert (mine - other).abs().max() / other.abs().max() < 1e-5, "batch norms folded, channels last"


def test_white_is_where_each_package_has_it(weights):
    seen, prints = [], set()
    for how in ("torch-fidelity", "clean-fid", "pytorch-fid"):
        network = InceptionFeatures(how, weights)
        network.network.forward = lambda x: seen.append(x.amax().item())
        network(torch.full((1, 3, 8, 8), 255, dtype=torch.uint8))
        assert network.resize == f"{how}, 299 px"
        prints.add(network.fingerprint)
    assert seen == pytest.approx([127 / 128, 127 / 128, 1.0])
    assert len(prints) == 3, "features of two resizes are never taken for each other"


def test_inceptions_names_and_refusals(weights, tmp_path):
    assert InceptionFeatures.labels == ("FID", "KID", "sFID", "IS")
    with pytest.raises(ValueError, match="resize is 'nearest'"):
        InceptionFeatures("nearest", weights)
    torch.save({"fc.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(ValueError, match=r"other.pth does not hold the weights of FID's InceptionV3"):
        InceptionFeatures(weights=tmp_path / "other.pth")


def test_without_a_network_the_error_says_what_works_and_where_to_put_a_copy(tmp_path, monkeypatch):
    monkeypatch.setenv("LDM_CACHE", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))

    def offline(address, destination, hash_prefix):
        assert address.startswith("https://") and len(hash_prefix) == 64
        raise OSError("no network")

    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    with pytest.raises(ConnectionError, match=r"\(no network\); FD-lite0 works offline, or put a copy of"):
        inception.fid_weights()


def test_a_copy_is_taken_only_with_the_right_checksum(tmp_path, monkeypatch):
    monkeypatch.setenv("LDM_CACHE", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))
    copy = tmp_path / "hub" / "hub" / "checkpoints" / inception.ALSO_CALLED
    copy.parent.mkdir(parents=True)
    copy.write_bytes(b"weights")
    asked = []
    monkeypatch.setattr(torch.hub, "download_url_to_file", lambda *_, **options: asked.append(options))
    assert inception.fid_weights() == tmp_path / inception.FILE, "a wrong file is not used"
    assert asked == [{"hash_prefix": inception.SHA256}]
    monkeypatch.setattr(inception, "SHA256", hashlib.sha256(b"weights").hexdigest())
    assert inception.fid_weights() == copy and len(asked) == 1


@pytest.fixture(scope="module")
def lite0():
    pytest.importorskip("efficientnet_lite_pytorch", reason="the extra 'perceptual' is not installed")
    return Lite0Features()


def test_lite0_is_the_packages_network(lite0):
    images = noise(2)
    ours = lite0(images)
    original = efficientnet_lite0()
    with torch.no_grad():
        x = (resize(images, 224, "clean-fid") - 127) / 128
        pooled = original.extract_features(x).mean((2, 3))
        logits = original(x)
    assert [v.shape[1] for v in ours] == [1280, 1372, 1000]
    torch.testing.assert_close(ours.pooled, pooled, atol=2e-5, rtol=1e-4)
    torch.testing.assert_close(ours.logits, logits, atol=2e-4, rtol=1e-3)
    assert "FID" not in "".join(lite0.labels), "only one network's distance is called that"


@pytest.mark.parametrize("how", get_args(Resize))
def test_lite0_enlarges_as_it_is_told(lite0, how):
    network, images = Lite0Features(how), noise(2)
    x = (resize(images, 224, how) - 127) / 128
    original = efficientnet_lite0()
    with torch.no_grad():
        pooled = original.extract_features(x).mean((2, 3))
    torch.testing.assert_close(network(images).pooled, pooled, atol=2e-5, rtol=1e-4)
    assert network.resize == f"{how}, 224 px" and (network.fingerprint == lite0.fingerprint) == (
        how == "clean-fid"
    )


def test_another_way_to_enlarge_is_refused():
    with pytest.raises(ValueError, match="resize is 'nearest'; accepted are torch-fidelity, clean-fid"):
        Lite0Features("nearest")


def test_features_have_no_batch_mates(lite0):
    images = noise(6)
    together = lite0(images)
    alone = torch.cat([lite0(image[None]).pooled for image in images])
    torch.testing.assert_close(together.pooled, alone, atol=1e-5, rtol=1e-4)


def test_networks_read_uint8_pictures_alone(lite0):
    with pytest.raises(TypeError, match=r"images are torch.float32; a feature network reads uint8"):
        lite0(torch.zeros(1, 3, 8, 8))
    with pytest.raises(ValueError, match=r"shape \(1, 1, 8, 8\); \(B, 3, H, W\)"):
        lite0(torch.zeros(1, 1, 8, 8, dtype=torch.uint8))
