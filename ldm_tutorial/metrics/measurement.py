"""A number and how it came about: without the second the first can't be reproduced (nor compared)."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch

from ldm_tutorial import __version__
from ldm_tutorial.metrics.bias import Bias
from ldm_tutorial.metrics.network import Labels


def versions() -> dict[str, str]:
    return {"ldm_tutorial": __version__, "torch": torch.__version__}


@dataclass(frozen=True)
class Measurement:
    """Values by name, and what they depend on.

    weights, samples, reference: hashes of content. sampling: how the samples were drawn, {} where they were
    given. splits: parts over which an Inception score is averaged. bias: of the Frechet distance, where there
    are fewer samples than features.
    """

    values: dict[str, float]
    n: int
    n_reference: int
    image_size: tuple[int, int]
    network: str
    weights: str
    resize: str
    width: int
    neighbours: dict[str, int]
    names: tuple[str, str]
    samples: str
    reference: str
    sampling: dict[str, object]
    splits: int | None = None
    bias: Bias | None = None
    versions: dict[str, str] = field(default_factory=versions)

    def record(self) -> dict:
        """Everything, as plain JSON values."""
        bias = self.bias and self.bias._asdict()
        lists = {"image_size": list(self.image_size), "names": list(self.names)}
        return asdict(self) | lists | {"bias": bias}

    def write(self, path: Path) -> None:
        """Write the record as JSON, whole or not at all."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
        temporary.write_text(json.dumps(self.record(), indent=1) + "\n", encoding="utf-8")
        os.replace(temporary, path)

    def line(self) -> str:
        """The values and what they depend on, in one line a reader can quote."""
        said = []
        for name, value in self.values.items():
            if name.endswith((" standard error", " std")):
                said[-1] += f" ± {value:.2g}"
            else:
                said.append(f"{name} {value:.4g}" if "D" in name or "S" in name else f"{name} {value:.3f}")
        height, width = self.image_size
        how = [f"N = {self.n} against {self.n_reference}", f"{width}x{height} px", self.network, self.resize]
        if self.splits:
            how.append(f"{self.splits} splits")
        drawn = dict(self.sampling)
        if "steps" in drawn:
            how.append(f"{drawn.pop('steps')} {drawn.pop('sampler', 'sampler')} steps")
        how += [f"{name.replace('_', ' ')} {said_as(value)}" for name, value in drawn.items()]
        return f"{', '.join(said)} ({', '.join(how)})"

    def warning(self, labels: Labels) -> str:
        """What a Frechet distance over fewer samples than features is worth; for one with a `bias`."""
        n, distance, share = self.bias
        fewer = min(self.n, self.n_reference)
        return (
            f"{fewer} samples are fewer than the {self.width} features: two sets of {n} from the reference "
            f"itself are already {labels.frechet} {distance:.3g} apart, {share:.0%} of the variance; "
            f"{labels.kernel} has no such bias"
        )


def said_as(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
