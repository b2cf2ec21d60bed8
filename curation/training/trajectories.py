"""The way of an expert through weight space, and how far a few differentiable steps on a synthetic set miss it.

Cazenavette et al., Dataset Distillation by Matching Training Trajectories, CVPR 2022.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

RATE_LR = 0.02  # Adam's, on the logarithm of the rate of the unrolled steps


def distance(begin: Mapping[str, object], end: Mapping[str, object], loss: Callable, steps: int, rate) -> object:
    """| w - end |^2 / | begin - end |^2 for the weights w after `steps` of gradient descent from `begin`.

    begin, end: name -> tensor. loss: (weights, number of the step) -> a scalar. rate: scalar tensor, the logarithm of
    the steps' rate. Differentiable in whatever `loss` holds and in the rate; keeps the graph of all the steps.

    >>> import torch
    >>> w, there, log_rate = {"w": torch.zeros(2)}, {"w": torch.ones(2)}, torch.tensor(0.5).log()
    >>> round(float(distance(w, there, lambda w, _: (w["w"] - 1).square().sum() / 2, 2, log_rate)), 4)
    0.0625
    """
    import torch

    weights = {name: x.detach().requires_grad_() for name, x in begin.items()}
    for step in range(steps):
        gradients = torch.autograd.grad(loss(weights, step), tuple(weights.values()), create_graph=True)
        weights = {
            name: x - rate.exp() * gradient for (name, x), gradient in zip(weights.items(), gradients, strict=True)
        }
    missed = sum((weights[name] - x.detach()).square().sum() for name, x in end.items())
    whole = sum((begin[name].detach() - x.detach()).square().sum() for name, x in end.items())
    return missed / whole
