"""Keep features of real faces beside celeba64-ldm, for `make demo`: photographs may not be bundled.

    python -m benchmarks.face_features

writes EfficientNet-Lite0's features of the first 200 validation images of CelebA 64, in float16.
"""

import torch
from safetensors.torch import save_file

from benchmarks.faces import features, validation
from ldm_tutorial.demo.everything import REFERENCE, features_of_faces
from ldm_tutorial.metrics import extract
from ldm_tutorial.training.atomic import atomic_file


def main() -> None:
    kept = extract(features(), validation("celeba64", REFERENCE))["pooled"].to(torch.float16)
    about = {"network": features().name, "resize": features().resize}
    with atomic_file(features_of_faces()) as temporary:
        save_file({"features": kept}, temporary, about | {"images": f"the first {REFERENCE} of valid"})
    print(f"{len(kept)} rows in {features_of_faces().name}")


if __name__ == "__main__":
    main()
