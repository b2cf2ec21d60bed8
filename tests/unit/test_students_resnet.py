"""ResNets: what they learn, whose layers they have, and how they come back from a record."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from curation.data.view import View
from curation.errors import RunError
from curation.methods.students import resnet18, resnet50
from curation.training import nets
from tests.unit.small_students import Spy, accuracy, stripes


def test_a_resnet_learns_rows_from_columns():
    view = stripes(32)
    student = resnet18.train(view, seed=0, device="cpu", batch=32, steps=16, augment="none")
    assert accuracy(student, view) >= 0.9


@pytest.mark.parametrize(("depth", "features"), [(18, 512), (50, 2048)])
def test_the_large_stem_is_torchvisions_resnet_to_the_letter(depth, features):
    import torchvision

    ours = nets.imagenet_resnet(depth, "large", 5, seed=0).eval()
    theirs = getattr(torchvision.models, f"resnet{depth}")(num_classes=5).eval()
    weights = [w for name, w in ours.state_dict().items() if name not in ("body.0.mean", "body.0.scale")]
    theirs.load_state_dict(dict(zip(theirs.state_dict(), weights, strict=True)))
    images = torch.randint(0, 256, (2, 40, 40, 3), dtype=torch.uint8)
    mean, scale = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    with torch.inference_mode():
        expected = theirs(((images / 255 - mean) / scale).permute(0, 3, 1, 2))
        assert torch.allclose(ours(images), expected, atol=1e-4)
        assert ours.body(images).shape == (2, features)


def test_the_small_stem_keeps_every_pixel_and_auto_goes_by_the_size():
    shapes = {}
    for stem in ("small", "large"):
        net, seen = nets.imagenet_resnet(18, stem, 2, seed=0), []
        block = next(layer for layer in net.body if isinstance(layer, torch.nn.Sequential))
        block.register_forward_pre_hook(lambda _, given, seen=seen: seen.append(list(given[0].shape[1:])))
        net(torch.zeros((2, 32, 32, 3), dtype=torch.uint8))
        shapes[stem] = seen[0]
    assert shapes == {"small": [64, 32, 32], "large": [64, 8, 8]}
    from curation.training.pixels import _resnet

    kernel = {}
    for side in (64, 65):
        view = View.of(pixels=np.zeros((1, side, side, 3), np.uint8), labels=np.array([0]), classes="ab")
        kernel[side] = _resnet(18, view, "auto", 0).body[2].kernel_size
    assert kernel == {64: (3, 3), 65: (7, 7)}


@pytest.mark.parametrize("student", [resnet18, resnet50])
def test_a_recorded_resnet_comes_back_from_its_weights(student):
    class Weights(Spy):
        def epoch(self, predict, weights=None):
            self.last = weights()

    view, record = stripes(16), Weights()
    made = student.train(view, seed=0, device="cpu", batch=16, steps=2, record=record)
    net = student.network(view, record.last[None], np.array([1]), **{"epochs": 3, "stem": "auto"})
    inputs, rest = net.at(-1, "cpu")
    with torch.inference_mode():
        again = rest(inputs(np.arange(16))).numpy()
    np.testing.assert_allclose(again, made.logits(view), rtol=1e-3, atol=1e-3)


def test_a_resnet_on_a_single_image_says_so():
    with pytest.raises(RunError, match="there is only one image; keep at least two"):
        resnet18.train(stripes().subset([0]), seed=0, device="cpu")
