"""The features of FID, KID, sFID and the Inception score: InceptionV3 with the weights that define them."""

import hashlib
from pathlib import Path
from typing import get_args

import torch
from torch import Tensor, nn

from ldm_tutorial.data.remember import cache_folder
from ldm_tutorial.metrics.inception import SIZE, InceptionV3
from ldm_tutorial.metrics.network import Features, Labels, check_pixels, fingerprint
from ldm_tutorial.metrics.resize import Resize, resize

# TensorFlow's weights of 2015-12-05 as converted for pytorch-fid; torch-fidelity's file is the same.
FILE = "pt_inception-2015-12-05-6726825d.pth"
ADDRESS = f"https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/{FILE}"
SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
ALSO_CALLED = "weights-inception-2015-12-05-6726825d.pth"
EPSILON = 1e-3  # of its batch norms


class InceptionFeatures(nn.Module):
    """uint8 images (B, 3, H, W) to the Features of FID. Channels last, which is faster on a CPU.

    resize: whose figures these are to be compared with, see `resize`; pytorch-fid also puts white at 1, not
        at 127/128. weights: a file of the FID weights; by default looked for in the cache, then downloaded.
    Raises ConnectionError where they can't be had, and ValueError for a wrong file.
    """

    name = "inception-v3-fid"
    labels = Labels("FID", "KID", "sFID", "IS")

    def __init__(self, resize: Resize = "torch-fidelity", weights: Path | None = None):
        super().__init__()
        if resize not in get_args(Resize):
            raise ValueError(f"resize is {resize!r}; accepted are {', '.join(get_args(Resize))}")
        self.how = resize
        state = torch.load(weights or fid_weights(), weights_only=True, map_location="cpu")
        self.network = InceptionV3()
        try:
            self.network.load_state_dict(folded(state))
        except (RuntimeError, KeyError) as error:
            file = Path(weights).name if weights else FILE
            raise ValueError(f"{file} does not hold the weights of FID's InceptionV3: {error}") from None
        self.network.to(memory_format=torch.channels_last).requires_grad_(False)
        self.eval()
        self.resize = f"{resize}, {SIZE} px"
        self.fingerprint = fingerprint(self.network, self.resize)

    @torch.inference_mode()
    def forward(self, images: Tensor) -> Features:
        check_pixels(images)
        x = resize(images.to(self.network.fc.weight.device), SIZE, self.how)
        x = x / 127.5 - 1 if self.how == "pytorch-fid" else (x - 128) / 128
        return self.network(x.contiguous(memory_format=torch.channels_last))


def folded(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The published weights with each batch norm put into the convolution before it, computed in float64."""
    new = {name: state[name] for name in ("fc.weight", "fc.bias")}
    for name in state:
        if not name.endswith(".conv.weight"):
            continue
        place = name.removesuffix(".conv.weight")
        gain, shift, mean, variance = (
            state[f"{place}.bn.{part}"].double() for part in ("weight", "bias", "running_mean", "running_var")
        )
        gain = gain / (variance + EPSILON).sqrt()
        new[f"{place}.weight"] = (state[name].double() * gain[:, None, None, None]).float()
        new[f"{place}.bias"] = (shift - mean * gain).float()
    return new


def fid_weights() -> Path:
    """The file of the FID weights, 96 MB, with its checksum verified; downloaded where it is not there yet.

    Raises ConnectionError, saying what works offline and where a copy may be put, without a network.
    """
    kept = cache_folder() / FILE
    hub = Path(torch.hub.get_dir()) / "checkpoints"
    for file in (kept, hub / FILE, hub / ALSO_CALLED):  # pytorch-fid and torch-fidelity download to the hub's
        if file.is_file() and checksum(file) == SHA256:
            return file
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(ADDRESS, str(kept), hash_prefix=SHA256)
    except (OSError, RuntimeError) as error:
        raise ConnectionError(
            f"the weights of FID's InceptionV3 could not be had from {ADDRESS} ({error}); "
            f"FD-lite0 works offline, or put a copy of the file at {kept}"
        ) from None
    return kept


def checksum(file: Path) -> str:
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
