import pytest
import torch

from ldm_tutorial.data import bundled, open_images, to_float
from ldm_tutorial.metrics.attribute_training import blur, train_attribute_classifier, worsen
from ldm_tutorial.metrics.attributes import (
    JUDGED,
    AttributeClassifier,
    AttributeClassifierConfig,
    attribute_accuracy,
)
from ldm_tutorial.training.checkpoint import load_checkpoint, save_checkpoint

CONFIG = AttributeClassifierConfig(
    kinds=(("skin", ("dark", "pale")), ("clothing", ("blue", "hidden", "red"))), channels=(4, 4, 4), hidden=8
)


class Told(AttributeClassifier):
    """Reads what it was told, whatever the pictures show."""

    def __init__(self, readings):
        super().__init__(CONFIG)
        self.readings = readings

    def read(self, images, batch_size=256):
        return self.readings


def test_counting_by_hand():
    readings = [
        {"skin": "pale", "clothing": "red"},
        {"skin": "pale", "clothing": "red"},
        {"skin": "dark", "clothing": "blue"},
    ]
    wanted = [
        {"skin": "pale", "clothing": "blue"},
        {"skin": "dark", "clothing": "hidden"},  # hidden clothing is not judged
        {"skin": "dark", "clothing": "blue"},
    ]
    images, kinds = torch.zeros(3, 3, 64, 64), ("skin", "clothing")
    counts, mean = attribute_accuracy(Told(readings), images, wanted, kinds=kinds)
    assert counts == {"skin": (2, 3), "clothing": (1, 2)}
    assert mean == pytest.approx((2 / 3 + 1 / 2) / 2), "kinds weigh the same however often they are judged"

    mentions = [["clothing"], ["clothing"], []]
    counts, mean = attribute_accuracy(Told(readings), images, wanted, mentions, kinds)
    assert counts == {"skin": (0, 0), "clothing": (0, 1)} and mean == 0, "kinds nobody mentions are left out"


def test_wrong_input_is_named():
    model = AttributeClassifier(CONFIG)
    with pytest.raises(ValueError, match="attributes has 1 entries for 2 images"):
        attribute_accuracy(model, torch.zeros(2, 3, 64, 64), [{}], kinds=("skin",))
    with pytest.raises(ValueError, match="kinds has 'hair'; the classifier reads skin, clothing"):
        attribute_accuracy(model, torch.zeros(1, 3, 64, 64), [{}], kinds=("hair",))
    with pytest.raises(ValueError, match=r"images have shape \(1, 3, 32, 32\)"):
        model(torch.zeros(1, 3, 32, 32))
    with pytest.raises(ValueError, match="image_size 50 is not a multiple of"):
        AttributeClassifierConfig(kinds=(), image_size=50)


def test_a_reading_does_not_depend_on_batch_mates_and_leaves_the_mode():
    torch.manual_seed(0)
    model = AttributeClassifier(CONFIG).train()
    images = torch.rand(6, 3, 64, 64) * 2 - 1
    together = model.read(images)
    assert together == [model.read(image[None])[0] for image in images] == model.read(images, batch_size=4)
    assert model.training, "reading puts the mode back"


def test_training_learns_colours_and_a_checkpoint_keeps_them(tmp_path):
    colours = {"dark": -0.5, "pale": 0.7}
    attributes = [{"skin": ("dark", "pale")[i % 2]} for i in range(24)]
    images = torch.stack([torch.full((3, 16, 16), colours[each["skin"]]) for each in attributes])
    # Batch norm needs some 40 steps until its running averages are those of the pictures.
    model = train_attribute_classifier(images, attributes, epochs=8, batch_size=4, progress=False)
    assert attribute_accuracy(model, images, attributes, kinds=("skin",)).mean == 1
    twice = [
        train_attribute_classifier(images, attributes, epochs=1, batch_size=8, progress=False).state_dict()
        for _ in range(2)
    ]
    for name, weight in twice[0].items():
        assert torch.equal(weight, twice[1][name]), f"the same seed gave another {name}"
    loaded = load_checkpoint(save_checkpoint(model, tmp_path / "classifier"))
    assert loaded.config == model.config and loaded.read(images) == model.read(images)


def test_worsening_keeps_shape_and_range_and_a_blur_keeps_a_plain_picture():
    images = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    worse = worsen(images, torch.Generator().manual_seed(1))
    assert worse.shape == images.shape and worse.abs().max() <= 1 and not torch.equal(worse, images)
    assert torch.equal(worse, worsen(images, torch.Generator().manual_seed(1)))
    torch.testing.assert_close(blur(torch.full((1, 3, 8, 8), 0.3), 0.8), torch.full((1, 3, 8, 8), 0.3))


@pytest.fixture(scope="module")
def classifier():
    return load_checkpoint(bundled("checkpoints") / "peeps-attributes")


def test_bundled_classifier_reads_real_valid_pictures(classifier):
    valid = open_images("peeps", "valid", limit=500)
    counts, mean = attribute_accuracy(classifier, to_float(valid.pixels()), valid.values("attributes"))
    assert set(counts) == set(JUDGED)
    assert mean >= 0.95, {kind: right / judged for kind, (right, judged) in counts.items()}


def test_bundled_classifier_stands_a_little_blur_and_noise(classifier):
    valid = open_images("peeps", "valid", limit=200)
    images = to_float(valid.pixels())
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(0))
    _, mean = attribute_accuracy(classifier, blur(images, 0.7) + 0.05 * noise, valid.values("attributes"))
    assert mean >= 0.93, f"{mean:.3f}"


@pytest.mark.parametrize("value", [-1.0, 0.0, 1.0])
def test_blank_pictures_are_read_too(classifier, value):
    reading = classifier.read(torch.full((1, 3, 64, 64), value))[0]
    for kind, words in classifier.config.kinds:
        assert reading[kind] in words
