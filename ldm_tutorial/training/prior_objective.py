"""Training a prior over codes: make the codes of real images likely (Esser et al. 2021, equation 10)."""

import torch
from torch import Tensor, nn

from ldm_tutorial.first_stage.prior import CodePrior


class PriorObjective(nn.Module):
    """Cross-entropy in nats per code, over all images' `codes`, int (N, h, w). The first stage is frozen."""

    def __init__(self, model: CodePrior, codes: Tensor):
        super().__init__()
        self.model, self.codes = model, codes
        model.first_stage.requires_grad_(False).eval()

    def __len__(self) -> int:
        return len(self.codes)

    def randomness(self, indices: Tensor, generator: torch.Generator) -> dict:  # noqa: ARG002
        return {}

    def fetch(self, indices: Tensor) -> dict:
        return {"codes": self.codes[indices].long()}

    def forward(self, batch: dict):
        each = self.model.loss(batch["codes"])
        return each.mean(), {"loss": (each.sum(), len(each))}

    def strip(self) -> Tensor:
        return self.model.sample(8, seed=0)
