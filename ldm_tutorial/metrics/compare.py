"""All distances between two sets of images, with the record of how they were measured."""

import warnings
from collections.abc import Mapping

from torch import Tensor

from ldm_tutorial.data import ImageSet
from ldm_tutorial.metrics.bias import FewSamplesWarning, measured_bias
from ldm_tutorial.metrics.comparable import check_comparable
from ldm_tutorial.metrics.extract import content_of, extract
from ldm_tutorial.metrics.features import check_pair
from ldm_tutorial.metrics.frechet import Gaussian
from ldm_tutorial.metrics.inception_score import inception_score
from ldm_tutorial.metrics.kernel import kernel_distance
from ldm_tutorial.metrics.lite0_features import Lite0Features
from ldm_tutorial.metrics.manifolds import density_coverage, precision_recall
from ldm_tutorial.metrics.measurement import Measurement
from ldm_tutorial.metrics.network import FeatureNetwork

PRECISION_K, DENSITY_K, SPLITS = 3, 5, 10
FEWEST = DENSITY_K + 1  # images in a set, below which there are no neighbours to speak of


def compare(
    samples: Tensor | ImageSet,
    reference: Tensor | ImageSet,
    network: FeatureNetwork | None = None,
    everything: bool = False,
    sampling: Mapping[str, object] | None = None,
    names: tuple[str, str] = ("samples", "reference"),
    batch_size: int = 50,
    progress: bool = True,
) -> Measurement:
    """Frechet and kernel distance, precision, recall, density and coverage of samples against reference.

    Both (N, 3, H, W), uint8 or floats in [-1, 1], or an ImageSet. network: default Lite0Features.
    everything: also the spatial Frechet distance (Nash et al. 2021) and the Inception score of the samples.
    sampling, names: for the record, how the samples were drawn (sampler, steps, eta, seed ...) and what both
        sets are called.
    Features are kept by content. Warns (FewSamplesWarning), with the bias measured on the reference, where
    either set has fewer images than there are features. Raises TypeError or ValueError for sets that can't be
    compared (`check_comparable`), ValueError for fewer than six images, and for features that are NaN.
    """
    size = check_comparable(samples, reference)
    for name, images in (("samples", samples), ("reference", reference)):
        if len(images) < FEWEST:
            raise ValueError(f"{name} has N = {len(images)}; at least {FEWEST} images are needed")
    network = network or Lite0Features()
    parts = ("pooled", "spatial", "logits") if everything else ("pooled",)
    drawn, real = (
        extract(network, images, parts, batch_size, progress=progress) for images in (samples, reference)
    )
    x, y = check_pair(drawn["pooled"], real["pooled"])
    values, splits = distances(x, y, network), None
    if everything:
        splits = min(SPLITS, len(x))
        spatial = [Gaussian.fitted(features["spatial"]) for features in (drawn, real)]
        values[network.labels.spatial] = spatial[0].distance(spatial[1])
        score = inception_score(drawn["logits"], splits)
        values |= {network.labels.score: score.mean, f"{network.labels.score} std": score.std}
    bias = measured_bias(y, min(len(x), len(y))) if min(len(x), len(y)) < x.shape[1] else None
    measurement = Measurement(
        values=values,
        n=len(x),
        n_reference=len(y),
        image_size=size,
        network=network.name,
        weights=network.fingerprint,
        resize=network.resize,
        width=x.shape[1],
        neighbours={"precision and recall": PRECISION_K, "density and coverage": DENSITY_K},
        names=names,
        samples=content_of(samples),
        reference=content_of(reference),
        sampling=dict(sampling or {}),
        splits=splits,
        bias=bias,
    )
    if bias:
        warnings.warn(measurement.warning(network.labels), FewSamplesWarning, stacklevel=2)
    return measurement


def distances(samples: Tensor, reference: Tensor, network: FeatureNetwork) -> dict[str, float]:
    """The figures of pooled features (N, d) against (M, d), by their names."""
    kernel = kernel_distance(samples, reference)
    return {
        network.labels.frechet: Gaussian.fitted(reference).distance(Gaussian.fitted(samples)),
        network.labels.kernel: kernel.value,
        f"{network.labels.kernel} standard error": kernel.standard_error,
        **precision_recall(samples, reference, PRECISION_K)._asdict(),
        **density_coverage(samples, reference, DENSITY_K)._asdict(),
    }
