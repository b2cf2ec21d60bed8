"""Training in half precision, on what a CPU can show: torch's CPU runs fp16 products and scales losses as a GPU does.

Not shown here: the speed, and that a GPU without bf16 is recognised (`torch.cuda.is_bf16_supported` says so).
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from curation.training import device, loop


class Faint(torch.nn.Module):
    """A linear layer whose logits are scaled down on the way: its gradients are below the smallest number of fp16."""

    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(2, 2)
        torch.nn.init.zeros_(self.linear.weight)
        torch.nn.init.zeros_(self.linear.bias)

    def forward(self, x):
        return self.linear(x) * 2.0**-13 * 2.0**-13


def trained(half, monkeypatch) -> np.ndarray:
    monkeypatch.setattr(device, "half_precision", lambda device: half)
    x, y = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 1])
    net = Faint()
    optimiser = torch.optim.Adam(net.parameters(), lr=0.1, eps=1e-20)
    loop.fit(net, x, y, optimiser=optimiser, epochs=30, batch=2, seed=0, schedule=lambda done: 1.0)
    return net.linear.weight.detach().numpy()


def test_gradients_too_small_for_fp16_still_move_the_weights(monkeypatch):
    weights = trained(torch.float16, monkeypatch)
    np.testing.assert_allclose(weights, trained(None, monkeypatch), rtol=0.05)
    assert weights[0, 0] > 1 > -1 > weights[0, 1]


def test_without_the_scaler_they_are_nothing(monkeypatch):
    """The test above can fail: this is what happened before losses were scaled."""
    off = torch.amp.GradScaler("cpu", enabled=False)
    monkeypatch.setattr(loop, "gradient_scaler", lambda device: off)
    assert (trained(torch.float16, monkeypatch) == 0).all()


def test_a_step_whose_gradients_overflow_fp16_is_passed_over_and_the_next_ones_go_on(monkeypatch):
    monkeypatch.setattr(device, "half_precision", lambda device: torch.float16)
    torch.manual_seed(0)
    net = torch.nn.Linear(1, 2)
    optimiser = torch.optim.SGD(net.parameters(), lr=1e-5)
    x, y = torch.full((4, 1), 60_000.0), torch.tensor([0, 1, 1, 1])
    loop.fit(net, x * 0.5, y, optimiser=optimiser, epochs=40, batch=4, seed=0, schedule=loop.cosine)
    assert torch.isfinite(net.weight).all()
    assert net(torch.ones(1, 1)).argmax() == 1


@pytest.mark.parametrize("half", [torch.bfloat16, None])
def test_only_fp16_is_scaled(monkeypatch, half):
    assert not device.gradient_scaler("cpu").is_enabled()
    monkeypatch.setattr(device, "half_precision", lambda device: half)
    assert not device.gradient_scaler("cpu").is_enabled()
    monkeypatch.setattr(device, "half_precision", lambda device: torch.float16)
    assert device.gradient_scaler("cpu").is_enabled()
