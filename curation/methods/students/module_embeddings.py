"""Your own network on embeddings: a torch module by import path, trained by the same loop as every other student.

`path = "my_nets.small:Net"` names a module, found in the current folder or among the installed packages, and a class
or function in it that is called with `classes=C` and gives a `torch.nn.Module`. That maps float32 [b, d], centred and
brought to one scale, to logits [b, C]. Trained with AdamW and one cycle of the learning rate. Importing a module runs
it: give paths of code you trust, and mind that a recipe by somebody else may name one. The module's own file is part
of the result's key; files it imports are not. For verification only: a recorded run or a flag takes a student with
its defaults, and a path has none. Blind to whatever your network is.

Loshchilov & Hutter, Decoupled Weight Decay Regularization, ICLR 2019.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from curation.card import Card
from curation.data.view import View
from curation.training import loop, nets, user_module
from curation.training.sampler import Sampler
from curation.training.student import Predictor, Record

CARD = Card(
    title="Own torch module on embeddings",
    cost="your network's, epochs * m times; m * d memory",
    blind_to="whatever your network is blind to",
    needs=("embeddings", "labels"),
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
    ] = 20,
    steps: Annotated[
        int,
        Field(ge=0, le=10_000_000, description="Number of updates, the same for every subset; 0 uses epochs instead."),
    ] = 0,
    lr: Annotated[float, Field(gt=0, le=10, description="AdamW's peak learning rate.")] = 0.001,
    batch: Annotated[int, Field(ge=8, le=4096, description="Items per step.")] = 256,
) -> Predictor:
    """A Predictor with C = len(view.classes) outputs, trained on exactly the rows of the view; features: its logits.

    Raises InputError where the path is of no use, RunError where the network raises or answers in another shape.
    """
    return user_module.train(
        path,
        view,
        lambda other: loop.tensor(other.embeddings, device),
        nets.statistics,
        pixels=False,
        device=device,
        seed=seed,
        lr=lr,
        epochs=loop.epochs_for(len(view), batch, epochs, LEAST_STEPS, steps),
        batch=batch,
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
