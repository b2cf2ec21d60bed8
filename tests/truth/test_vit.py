"""The vision transformer that leaves things out: by hand, and against torch's own attention."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from curation.data.view import View
from curation.engine.registry import get
from curation.errors import InputError
from curation.training.vit import Shape, _fewer, multiplications, vit

IMAGES = torch.tensor(np.random.default_rng(0).integers(0, 256, (5, 12, 12, 3), dtype=np.uint8))


def test_multiplications_by_hand():
    """Two patches of one pixel by hand: side 2 of patch 1 makes 4; width 8, depth 2, of which the second has 2 + 1."""
    shape = Shape(2, 1, 8, 2, 3, keep_tokens=0.5, keep_attention=0.5, from_layer=0)
    embed, head = 4 * 3 * 8, 8 * 3
    first = 5 * 4 * 64 + 2 * 25 * 8 + 4 * 2 * 4 * 64  # attention of five tokens; then [CLS], two and the fused one
    # Of 16 connections of the four tokens 4 are among the patches, and 2 of these stay.
    second = 4 * 4 * 64 + 2 * 14 * 8 + 4 * 2 * 4 * 64
    assert multiplications(shape) == embed + head + first + second


def test_the_attention_is_that_of_torch():
    net = vit(Shape(12, 4, 64, 1, 3), seed=0).eval()
    attention, x = net.body[2].blocks[0].attention, torch.randn(5, 10, 64)
    with torch.inference_mode():
        ours, weights = attention(x, None)
        q, k, v = attention.qkv(x).view(5, 10, 3, 2, 32).permute(2, 0, 3, 1, 4)
        theirs = attention.out(scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(5, 10, 64))
    assert torch.allclose(ours, theirs, atol=1e-5)
    assert torch.allclose(weights.sum(dim=2), torch.ones(5, 10), atol=1e-5)


def test_the_patches_cls_attends_to_stay_and_the_others_become_their_weighted_mean():
    shape = Shape(2, 1, 8, 2, 3, keep_tokens=0.5)
    x = torch.arange(5.0)[None, :, None].expand(1, 5, 8)
    attention = torch.tensor([0.2, 0.4, 0.1, 0.05, 0.25]).expand(1, 5, 5)
    tokens, open_ = _fewer(x, attention, shape)
    fused = (0.1 * 2 + 0.05 * 3) / 0.15
    assert tokens[0, :, 0].tolist() == pytest.approx([0, 1, 4, fused])
    assert open_ is None


def test_each_patch_keeps_its_strongest_connections_and_cls_and_the_fused_token_keep_all():
    shape = Shape(2, 1, 8, 2, 3, keep_tokens=0.75, keep_attention=0.3)
    attention = torch.zeros(1, 5, 5)
    attention[0, 0] = torch.tensor([0.0, 0.4, 0.3, 0.1, 0.2])  # patch 3 goes
    attention[0, 1, 4], attention[0, 2, 1], attention[0, 4, 2] = 1.0, 1.0, 1.0
    _, open_ = _fewer(torch.zeros(1, 5, 8), attention, shape)
    assert open_[0].int().tolist() == [
        [1, 1, 1, 1, 1],
        [1, 0, 0, 1, 1],
        [1, 1, 0, 0, 1],
        [1, 0, 1, 0, 1],
        [1, 1, 1, 1, 1],
    ]


def test_a_connection_left_out_changes_nothing_of_the_token_it_led_to():
    net = vit(Shape(12, 4, 64, 1, 3), seed=0).eval()
    attention, x = net.body[2].blocks[0].attention, torch.randn(1, 4, 64)
    open_ = torch.ones(1, 4, 4, dtype=torch.bool)
    open_[0, 1, 2] = False
    other = x.clone()
    other[0, 2] += 1
    with torch.inference_mode():
        before, after = attention(x, open_)[0], attention(other, open_)[0]
    assert torch.allclose(before[0, 1], after[0, 1], atol=1e-6)
    assert not torch.allclose(before[0, 0], after[0, 0], atol=1e-4)


def test_keeping_everything_is_the_plain_network_and_leaving_out_is_not():
    whole = vit(Shape(12, 4, 64, 3, 3), seed=0).eval()
    same = vit(Shape(12, 4, 64, 3, 3, keep_tokens=0.99, keep_attention=0.99, from_layer=1), seed=0).eval()
    fewer = vit(Shape(12, 4, 64, 3, 3, keep_tokens=0.5, keep_attention=0.5, from_layer=1), seed=0).eval()
    with torch.inference_mode():
        assert torch.equal(whole(IMAGES), same(IMAGES))  # a share of nine patches, rounded up
        assert not torch.allclose(whole(IMAGES), fewer(IMAGES), atol=1e-4)


@pytest.mark.parametrize("side", [7, 12, 13])
def test_images_that_no_number_of_patches_fills_are_padded(side):
    net = vit(Shape(side, 4, 40, 2, 3, keep_tokens=0.3, from_layer=1), seed=0).eval()
    with torch.inference_mode():
        assert net(torch.zeros(2, side, side, 3, dtype=torch.uint8)).shape == (2, 3)


def test_it_learns_stripes_with_half_of_the_patches_and_connections():
    rng = np.random.default_rng(0)
    labels = np.arange(160) % 2
    stripes = np.tile([0, 0, 200, 200], (8, 2)).astype(np.float64)
    pixels = np.stack([stripes if label else stripes.T for label in labels]) + 20 * rng.random((160, 8, 8))
    pixels = np.repeat(pixels.astype(np.uint8)[..., None], 3, axis=3)
    view, method = View.of(pixels=pixels, labels=labels), get("students", "vit")
    params = {"patch": 4, "width": 16, "depth": 2, "from_layer": 0, "keep_tokens": 0.5, "keep_attention": 0.5}
    params = method.validated({**params, "steps": 60, "augment": "none"}, "vit")
    student = method.call(view.subset(np.arange(100)), seed=0, device="cpu", **params)
    test = np.arange(100, 160)
    assert (student.logits(view.subset(test)).argmax(axis=1) == labels[test]).mean() > 0.95


def test_a_block_that_is_not_there_is_named():
    view, method = (
        View.of(pixels=np.zeros((4, 8, 8, 3), np.uint8), labels=np.array([0, 0, 1, 1])),
        get("students", "vit"),
    )
    params = method.validated({"depth": 2, "from_layer": 2, "keep_tokens": 0.5}, "vit")
    with pytest.raises(InputError, match="from_layer = 2 of a vit of 2 blocks"):
        method.call(view, seed=0, device="cpu", **params)
