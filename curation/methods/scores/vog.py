"""VoG: how much the gradient of the given class in the input varies from checkpoint to checkpoint.

At every checkpoint that was kept of the recorded run, the given class's logit is differentiated in the pixels
(averaged over colours). VoG is the standard deviation over checkpoints, averaged over the image, and then compared
with the item's class: high where the student keeps changing its mind about what matters in the picture. Blind to
redundancy; and to everything when the student is linear (a head without a hidden layer), because its gradients are
the same for all items of a class: record a cnn, or a head with `hidden`.

Agarwal, D'souza & Hooker, Estimating Example Difficulty Using Variance of Gradients, CVPR 2022. The predicted class
in place of the given one is how the paper scores items without labels (unverified).
Differs: the checkpoints are those of the one recorded run, at most eight, spread evenly over it, where the paper
takes a few early or a few late ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.view import View
from curation.errors import InputError
from curation.maths.arrays import per_class_zscore
from curation.training.input_gradients import blocks, full_precision, input_gradient

CARD = Card(
    title="Variance of gradients",
    cost="checkpoints * n passes forward and backward: a minute per 10,000 images on a CPU",
    blind_to="redundancy; everything, where the student is linear",
    needs=("network", "labels"),
    paper="https://arxiv.org/abs/2008.11600",
    tags=("network", "gradients", "slow"),
    requires=("torch",),
    stochastic=False,
)


def score(
    view: View,
    *,
    device: str = "cpu",
    progress: Callable[..., None] = lambda done, total, message="": None,
    of: Annotated[
        Literal["given", "predicted"],
        Field(description="Whose logit is differentiated: the given label's, or the finished student's best guess."),
    ] = "given",
    within_class: Annotated[
        bool, Field(description="Compare items with their own class: subtract its mean, divide by its deviation.")
    ] = True,
) -> np.ndarray:
    """float64 [m]. Higher = harder. A class whose items all vary alike scores 0 when compared with itself.

    >>> score(toy.view())[:3]  # the toy's network is linear
    array([0., 0., 0.])
    """
    import torch

    network, labels = view.network, view.labels
    if network.checkpoints < 2:
        raise InputError(
            "vog compares checkpoints, and the recorded run kept one; record it again for at least 2 epochs"
        )
    students = [network.at(checkpoint, device) for checkpoint in range(network.checkpoints)]
    made, codes = np.empty(len(labels)), np.array(labels)
    with full_precision():
        for rows in blocks(network, device):
            if of == "predicted":
                inputs, logits_of = students[-1]
                with torch.no_grad():
                    codes[rows] = logits_of(inputs(rows)).argmax(dim=1).cpu().numpy()
            made[rows] = _spread(students, rows, torch.as_tensor(codes[rows]).to(device)).cpu().numpy()
            progress(rows[-1] + 1, len(labels))
    return per_class_zscore(made, codes) if within_class else made


def _spread(students: list, rows: np.ndarray, codes):
    """float64 [b]: deviation of the gradient over the checkpoints, averaged over the input; by Welford's update."""
    mean = square = 0
    for seen, (inputs, logits_of) in enumerate(students, start=1):
        x = inputs(rows)
        gradient = input_gradient(logits_of, x, lambda logits: logits.gather(1, codes[:, None]).sum())
        if gradient.ndim == 4:  # [b, height, width, colours]
            gradient = gradient.mean(dim=3)
        gradient = gradient.flatten(1).double()
        off = gradient - mean
        mean = mean + off / seen
        square = square + off * (gradient - mean)
    return (square / len(students)).clamp_(min=0).sqrt().mean(dim=1)
