"""The Frechet distance at d = 2048, and the features it is taken of, against the packages in use.

`sqrtm` of scipy is what pytorch-fid and clean-fid call, eigenvalues of the product are torch-fidelity's and
torchmetrics' way. InceptionV3 is torch-fidelity's, layer by layer pytorch-fid's, with random weights,
the same as ours; images have 64 px and are enlarged. Few rounds, since one of sqrtm takes long. The last row
is a whole evaluation on the wall, once.
"""

import os
import tempfile
import time
from pathlib import Path
from unittest import mock

import numpy as np
import scipy.linalg
import torch
from torch import Tensor, nn

from benchmarks.timing import rate, ratio, take_turns
from ldm_tutorial.first_stage.perceptual import efficientnet_lite0
from ldm_tutorial.metrics import Gaussian, InceptionFeatures, Lite0Features, compare
from ldm_tutorial.metrics.resize import resize

HEADER = ["what", "ours", "theirs", "theirs / ours"]
ROUNDS = 2  # at most: each takes some 40 s
WIDTH, FULL, FEW = 2048, 5000, 500
IMAGES = 2000


def table(rounds: int) -> list[list[str]]:
    rounds = min(rounds, ROUNDS)
    rows = [*distance_rows(rounds, WIDTH, FULL, FEW), *inception_rows(rounds, 16), *lite0_rows(rounds, 64)]
    return [*rows, evaluation_row(IMAGES)]


def distance_rows(rounds: int, d: int, full: int, few: int) -> list[list[str]]:
    a, b = features(full, d, 1), features(full, d, 2)
    (m1, c1), (m2, c2) = moments(a), moments(b)
    reference = Gaussian.known(m1, c1)
    contestants = {
        "root of the reference kept": lambda: reference.distance(Gaussian.known(m2, c2)),
        "nothing kept": lambda: Gaussian.known(m1, c1).distance(Gaussian.known(m2, c2)),
        "sqrtm": lambda: by_sqrtm(m1, c1, m2, c2),
        "eigenvalues of the product": lambda: by_eigenvalues(m1, c1, m2, c2),
    }
    found = {name: f() for name, f in contestants.items() if name != "sqrtm"}  # also keeps the root
    for name, value in found.items():
        assert abs(value / found["nothing kept"] - 1) < 1e-6, name
    seconds = take_turns(contestants, rounds, warmup=0)
    rows = [
        line(f"{ours}, N = {full}", theirs, seconds[ours], seconds[theirs])
        for ours in ("root of the reference kept", "nothing kept")
        for theirs in ("sqrtm", "eigenvalues of the product")
    ]
    x, y = a[:few], b[:few]
    contestants = {
        "singular values": lambda: Gaussian.fitted(x).distance(Gaussian.fitted(y)),
        "sqrtm": lambda: by_sqrtm(*moments(x), *moments(y)),
    }
    seconds = take_turns(contestants, rounds, warmup=0)
    return [*rows, line(f"singular values, N = {few}", "sqrtm", *seconds.values())]


def line(name: str, theirs: str, ours: list[float], others: list[float]) -> list[str]:
    mine, other = np.median(ours), np.median(others)
    return [name, f"{mine:.2f} s", f"{theirs}: {other:.1f} s", ratio(others, ours)]


def features(n: int, d: int, seed: int) -> Tensor:
    """Correlated features whose variances fall as those of a network do."""
    x = torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return x * torch.arange(1, d + 1) ** -0.5 + 0.1 * seed


def moments(x: Tensor) -> tuple[np.ndarray, np.ndarray]:
    return x.mean(0).numpy(), np.cov(x.numpy(), rowvar=False)


def by_sqrtm(m1, c1, m2, c2) -> float:
    root = scipy.linalg.sqrtm(c1.dot(c2))
    return float(((m1 - m2) ** 2).sum() + np.trace(c1) + np.trace(c2) - 2 * np.trace(root).real)


def by_eigenvalues(m1, c1, m2, c2) -> float:
    roots = np.sqrt(np.linalg.eigvals(c1.dot(c2)).astype("complex128"))
    return float(((m1 - m2) ** 2).sum() + np.trace(c1) + np.trace(c2) - 2 * roots.real.sum())


def inception_rows(rounds: int, n: int) -> list[list[str]]:
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    with tempfile.TemporaryDirectory() as folder:
        weights = random_weights(Path(folder) / "weights.pth")
        theirs = FeatureExtractorInceptionV3("x", ["2048"], feature_extractor_weights_path=str(weights))
        ours = InceptionFeatures("torch-fidelity", weights)
    return [rates("InceptionV3 features", ours, theirs, "torch-fidelity", rounds, n)]


def lite0_rows(rounds: int, n: int) -> list[list[str]]:
    network = efficientnet_lite0()

    def as_it_comes(images: Tensor) -> Tensor:
        return network.extract_features((resize(images, 224, "clean-fid") - 127) / 128)

    return [rates("EfficientNet-Lite0 features", Lite0Features(), as_it_comes, "its package", rounds, n)]


@torch.inference_mode()
def rates(name: str, ours, theirs, whose: str, rounds: int, n: int) -> list[str]:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (n, 3, 64, 64), generator=generator, dtype=torch.uint8)
    seconds = take_turns(
        {"ours": lambda: ours(images), "theirs": lambda: theirs(images)}, rounds + 1, warmup=1
    )
    mine, other = seconds["ours"], seconds["theirs"]
    return [name, f"{rate(mine, n)} images/s", f"{whose}: {rate(other, n)} images/s", ratio(other, mine)]


def evaluation_row(n: int) -> list[str]:
    """All distances in FD-lite0 on two cores, features of both sets included; nothing is kept from before."""
    generator, threads = torch.Generator().manual_seed(0), torch.get_num_threads()
    sets = torch.randint(0, 256, (2, n, 3, 64, 64), generator=generator, dtype=torch.uint8)
    torch.set_num_threads(2)
    with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ, {"LDM_CACHE": folder}):
        began = time.perf_counter()
        compare(*sets)
        seconds = time.perf_counter() - began
    torch.set_num_threads(threads)
    return [f"all distances in FD-lite0, {n} against {n} images, two threads", f"{seconds:.0f} s", "", ""]


def random_weights(path: Path) -> Path:
    """A file of weights with the names and shapes of FID's InceptionV3."""
    from torchvision.models.inception import Inception3

    torch.manual_seed(0)
    state = Inception3(num_classes=1008, aux_logits=False, init_weights=False).state_dict()
    for name, value in state.items():
        if name.endswith("conv.weight"):
            nn.init.kaiming_normal_(value, nonlinearity="relu")
    torch.save(state, path)
    return path
