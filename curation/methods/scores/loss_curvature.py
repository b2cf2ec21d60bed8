"""Loss curvature: how sharply the loss bends around an item's input.

The gradient of the loss in the input is taken at the item and at a small step h away along random signs; how far the
two differ, on average over directions, grows with the trace of the squared Hessian. Flat where the student follows a
pattern, sharp where it learnt a single item by heart: atypical, ambiguous or mislabelled items. SLo-Curves keeps the
lowest of each class. Blind to redundancy, and to items the student never fitted (the loss is flat there as well).
Where a step crosses the corner of a ReLU the whole jump counts, so a small h is a noisy h.

Garg & Roy, Samples With Low Loss Curvature Improve Data Efficiency, CVPR 2023. Ravikumar, Garg & Roy, Unveiling
Privacy, Memorization, and Input Curvature Links, ICML 2024 (squared, mean over training). The constants h and the
number of directions are those of the group's released code; the CVPR paper's own are unverified.
Differs: losses of a batch are added, not averaged, because copies of the published code scale a last, smaller batch
wrongly; the difference is divided by h; and h is a step in standardised inputs, which have a spread of about one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.view import View
from curation.training.input_gradients import blocks, full_precision, input_gradient, signs

CARD = Card(
    title="Input-loss curvature",
    cost="(directions + 1) * n passes forward and backward per checkpoint: minutes per 10,000 images on a CPU",
    blind_to="redundancy, and items the student never fitted",
    needs=("network", "labels"),
    paper="https://openaccess.thecvf.com/content/CVPR2023/html/"
    "Garg_Samples_With_Low_Loss_Curvature_Improve_Data_Efficiency_CVPR_2023_paper.html",
    tags=("network", "gradients", "slow"),
    requires=("torch",),
)


def score(
    view: View,
    *,
    rng: np.random.Generator,
    device: str = "cpu",
    progress: Callable[..., None] = lambda done, total, message="": None,
    h: Annotated[float, Field(ge=1e-5, le=1, description="Step length, per standardised input value.")] = 1e-3,
    directions: Annotated[int, Field(ge=1, le=1000, description="Random directions per item and checkpoint.")] = 10,
    squared: Annotated[
        bool, Field(description="Square each difference: then the mean estimates the trace of the squared Hessian.")
    ] = False,
    checkpoints: Annotated[
        Literal["last", "mean"], Field(description="The finished student, or the mean over the checkpoints kept.")
    ] = "last",
) -> np.ndarray:
    """float64 [m], mean over directions v of |H v|, or of |H v|^2 when squared. Higher = sharper.

    >>> sharp = score(toy.view(), rng=np.random.default_rng(0))
    >>> sharp.shape, bool((sharp >= 0).all())
    ((90,), True)
    """
    import torch
    from torch.nn.functional import cross_entropy

    network, labels = view.network, view.labels
    used = [-1] if checkpoints == "last" else range(network.checkpoints)
    students = [network.at(checkpoint, device) for checkpoint in used]
    total = np.zeros(len(labels))
    with full_precision():
        for rows in blocks(network, device):
            given = torch.as_tensor(labels[rows]).to(device)

            def loss(logits, given=given):
                return cross_entropy(logits, given, reduction="sum")

            for inputs, logits_of in students:
                x = inputs(rows)
                here = input_gradient(logits_of, x, loss)
                for _ in range(directions):
                    there = input_gradient(logits_of, x + h * signs(x, rng), loss)
                    bent = (there - here).flatten(1).div_(h).square_().sum(dim=1, dtype=torch.float64)
                    total[rows] += (bent if squared else bent.sqrt()).cpu().numpy()
            progress(rows[-1] + 1, len(labels))
    return total / (directions * len(students))
