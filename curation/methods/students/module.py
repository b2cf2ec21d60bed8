"""Your own network on pixels: a torch module by import path, trained by the same loop as every other student.

`path = "my_nets.small:Net"` names a module, found in the current folder or among the installed packages, and a class
or function in it that is called with `classes=C` and gives a `torch.nn.Module`. That maps float32 [b, 3, s, s],
standardised with the mean and spread of ImageNet's colours, to logits [b, C]. Trained with AdamW and one cycle of the
learning rate. Importing a module runs it: give paths of code you trust, and mind that a recipe by somebody else may
name one. The module's own file is part of the result's key; files it imports are not. For verification only: a
recorded run or a flag takes a student with its defaults, and a path has none. Blind to whatever your network is.

Loshchilov & Hutter, Decoupled Weight Decay Regularization, ICLR 2019.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from curation.card import Card
from curation.data.view import View
from curation.training import loop, nets, pixels, user_module
from curation.training.sampler import Sampler
from curation.training.student import Predictor, Record

CARD = Card(
    title="Own torch module on pixels",
    cost="your network's, epochs * m times; m * s^2 memory",
    blind_to="whatever your network is blind to",
    needs=("pixels", "labels"),
    paper="https://arxiv.org/abs/1711.05101",
    tags=("network",),
    own_code=True,
    requires=("torch",),
    weights=True,
)

LEAST_STEPS = 200  # a set of 100 items gets this many updates, whatever `epochs` says


def train(
    view: View,
    *,
    seed: int,
    device: str,
    record: Record | None = None,
    progress=None,
    sampler: Sampler | None = None,
    watch=None,
    path: Annotated[str, Field(max_length=500, description='Module and callable, as in "my_nets.small:Net".')] = "",
    epochs: Annotated[
        int, Field(ge=1, le=1000, description="Passes over the training items; sets of only a few batches get more.")
    ] = 10,
    steps: Annotated[
        int,
        Field(ge=0, le=10_000_000, description="Number of updates, the same for every subset; 0 uses epochs instead."),
    ] = 0,
    lr: Annotated[float, Field(gt=0, le=10, description="AdamW's peak learning rate.")] = 0.001,
    batch: Annotated[int, Field(ge=8, le=4096, description="Items per step.")] = 64,
    augment: Annotated[
        Literal["none", "crop", "crop_flip"],
        Field(description="Random shifts, with or without left-right flips; do not flip digits or text."),
    ] = "crop_flip",
) -> Predictor:
    """A Predictor with C = len(view.classes) outputs, trained on exactly the rows of the view; features: its logits.

    Raises InputError where the path is of no use, RunError where the network raises or answers in another shape.
    """
    return user_module.train(
        path,
        view,
        lambda other: pixels.load(other, device),
        nets.PHOTOGRAPHS,
        pixels=True,
        device=device,
        seed=seed,
        lr=lr,
        epochs=loop.epochs_for(len(view), batch, epochs, LEAST_STEPS, steps),
        batch=batch,
        augment=pixels.augmentation(augment, view),
        record=record,
        progress=progress,
        sampler=sampler,
        watch=watch,
    )


def preflight(*, path: str, **_) -> None:
    user_module.require(path)


def files(*, path: str, **_) -> list[Path]:
    """Files beside those among the parameters that the result depends on."""
    return user_module.files(path)
