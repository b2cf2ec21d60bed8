"""Head: softmax regression, or one hidden layer, on frozen embeddings.

The quick student: seconds where a network on pixels takes minutes, and with good embeddings often the better one.
Trained with minibatch Adam and a cosine schedule to (nearly) the optimum of mean cross-entropy + l2 ||W||^2 / (2 m),
scikit-learn's logistic regression with C = 1 / l2. Blind to everything the embeddings leave out: it cannot learn a
new feature, so items that are hard for the encoder stay hard. Passes: epochs * m, more for tiny sets, and fewer where
that would be more than 10,000 updates: the weights of a linear layer have settled long before. `steps` overrules it.

Alain & Bengio, Understanding Intermediate Layers Using Linear Classifier Probes, ICLR 2017 workshop.
Kingma & Ba, Adam: A Method for Stochastic Optimization, ICLR 2015.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated

from pydantic import Field

from curation.card import Card
from curation.data.view import View
from curation.maths.threads import one_torch_thread
from curation.training import loop, nets
from curation.training.checkpoints import Network
from curation.training.sampler import Sampler
from curation.training.student import Predictor, Record

CARD = Card(
    title="Head on embeddings",
    cost="epochs * m * d * C time, m * d memory",
    blind_to="whatever the embeddings leave out",
    needs=("embeddings", "labels"),
    paper="https://arxiv.org/abs/1610.01644",
    tags=("linear", "fast"),
    requires=("torch",),
    weights=True,
    version=2,
)

BATCH = 512
LEAST_STEPS = 300  # a set of 20 items gets this many updates, whatever `epochs` says
MOST_STEPS = 10_000  # and one of more than 256,000 no more than this many, unless `steps` says so


def train(
    view: View,
    *,
    seed: int,
    device: str,
    record: Record | None = None,
    progress=None,
    sampler: Sampler | None = None,
    watch=None,
    hidden: Annotated[
        int, Field(ge=0, le=8192, description="Units of the hidden layer; 0 is softmax regression without one.")
    ] = 0,
    epochs: Annotated[
        int,
        Field(
            ge=1,
            le=1000,
            description="Passes over the training items; more for sets of a few batches, fewer above 10,000 updates.",
        ),
    ] = 20,
    steps: Annotated[
        int,
        Field(ge=0, le=10_000_000, description="Number of updates, the same for every subset; 0 uses epochs instead."),
    ] = 0,
    lr: Annotated[float, Field(gt=0, le=10, description="Adam's peak learning rate.")] = 0.01,
    l2: Annotated[
        float,
        Field(ge=0, le=1e6, description="Weight penalty, 1 / C of a logistic regression; smaller = less regularised."),
    ] = 1.0,
) -> Predictor:
    """A Predictor with C = len(view.classes) outputs, trained on exactly the rows of the view.

    features: the embeddings, centred and brought to one scale, or the hidden layer where there is one.

    >>> import numpy as np
    >>> x = np.array([[0.0, 1.0], [0.1, 0.9], [1.0, 0.0], [0.9, 0.1]], dtype=np.float32)
    >>> view = View.of(embeddings=x, labels=np.array([0, 0, 1, 1]))
    >>> train(view, seed=0, device="cpu").logits(view).argmax(axis=1).tolist()
    [0, 0, 1, 1]
    """
    import torch

    codes = loop.checked_labels(view)
    inputs, labels = _load(view, device), loop.targets(view, codes, device)
    m = len(labels)
    net = nets.mlp(*nets.statistics(inputs), hidden, len(view.classes), seed).to(device)
    weights, biases = ([p for p in net.parameters() if (p.ndim > 1) == matrix] for matrix in (True, False))
    groups = [{"params": weights, "weight_decay": l2 / m}, {"params": biases}]
    epochs = loop.epochs_for(m, BATCH, epochs, LEAST_STEPS, steps, MOST_STEPS)
    student = loop.predictor(
        net, lambda other: _load(other, device), sampler.planned if sampler is not None else epochs * m
    )
    with one_torch_thread(BATCH * sum(w.numel() for w in weights) < loop.SMALL):
        loop.fit(
            net,
            inputs,
            labels,
            optimiser=torch.optim.Adam(groups, lr=lr),
            epochs=epochs,
            batch=BATCH,
            seed=seed,
            schedule=loop.cosine,
            weights=loop.item_weights(view, device),
            record=record,
            progress=progress,
            sampler=sampler,
            watch=watch and partial(watch, student),
        )
    return student


def network(view: View, weights, kept, *, hidden: int = 0, **_) -> Network:
    """What `train` recorded, to differentiate, for the rows of the view."""
    import numpy as np

    def build(device: str):
        d = view.embeddings.shape[1]
        return nets.mlp(np.zeros(d), np.ones(d), hidden, len(view.classes), seed=0).to(device)

    def load(positions, device: str):
        return loop.tensor(view.embeddings[positions], device)

    return Network(build, load, weights, kept, np.arange(len(view)))


def _load(view: View, device: str):
    return loop.tensor(view.embeddings, device)
