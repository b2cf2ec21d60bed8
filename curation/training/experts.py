"""ConvNets trained on the real images: experts that label, lend their early epochs, or are followed step by step."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence

import numpy as np

from curation.data.view import View
from curation.training import loop, nets, siamese
from curation.training.real_images import RealImages, rows_by_class

LR, MOMENTUM, DECAY, BATCH = 0.05, 0.9, 5e-4, 64
EPOCHS = (1, 2, 4, 8)  # of an expert, after which its opinion is tried as soft labels
STEPS = 150  # of the student that tries them
HELD_OUT, MOST_HELD_OUT = 0.2, 1000  # share and number of the rows that judge them


class Rows:
    """Some rows of the real images as `loop.fit` reads its inputs: standardised when they are asked for."""

    def __init__(self, real: RealImages, rows: np.ndarray):
        self.real, self.rows = real, rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, positions):
        return self.real.batch(self.rows[positions.cpu().numpy()])

    @property
    def device(self):
        return self.real.mean.device

    def split(self, block: int):
        return (self.real.batch(self.rows[at : at + block]) for at in range(0, len(self.rows), block))


class Expert:
    """A ConvNet trained on four fifths of the rows, as it was after a few epochs; the others judge its opinion.

    nets: {epoch: network}. The last one is the surest.
    """

    def __init__(
        self,
        view: View,
        real: RealImages,
        *,
        seed: int,
        width: int = 32,
        epochs: Sequence[int] = EPOCHS,
        progress: Callable | None = None,
    ):
        self.real, self.seed, self.width, self.nets = real, seed, width, {}
        learnt, self.judges = _split(view, np.random.default_rng(seed))
        self._truth = view.labels[self.judges]

        def after(epoch: int, net) -> None:
            if epoch in epochs:
                self.nets[epoch] = copy.deepcopy(net)

        labels = loop.tensor(view.labels[learnt], real.device)
        net = network(real, seed, width)
        train(net, real, Rows(real, learnt), labels, seed=seed, epochs=max(epochs), after=after, progress=progress)
        self.last = self.nets[max(epochs)]

    def soft_labels(self, images) -> tuple[np.ndarray, str]:
        """(float32 [b, C], a sentence): what it thinks of standardised images, at the epoch that helps a student most.

        A short student is trained on the labels of every epoch kept and judged by the rows the expert did not learn
        from. Early, unsure experts suit small sets.
        """
        best, most, found = 0, -1.0, None
        for epoch, net in self.nets.items():
            soft = probabilities(net, images)
            right = self._judged(images, soft)
            if right > most:
                best, most, found = epoch, right, soft
        return found, (
            f"soft labels by an expert after {best} of {max(self.nets)} epochs, chosen by {len(self.judges):,} rows"
        )

    def _judged(self, images, soft: np.ndarray) -> float:
        net = network(self.real, self.seed, self.width)
        epochs = math.ceil(STEPS / math.ceil(len(images) / BATCH))
        targets = loop.tensor(soft, self.real.device)
        train(net, self.real, images, targets, seed=self.seed, epochs=epochs, schedule=loop.triangle)
        found = loop.forward(net, Rows(self.real, self.judges)).argmax(axis=1)
        return float((found == self._truth).mean())


def network(real: RealImages, seed: int, width: int, *, published: bool = False):
    """A fresh ConvNet on standardised images as `real` gives them."""
    net = nets.convnet(real.side, width, 0, real.classes, seed, channels=real.channels, published=published)
    return net.to(real.device)


def probabilities(net, images) -> np.ndarray:
    """float32 [b, C] of standardised images."""
    import torch

    return torch.from_numpy(loop.predicted(net, images)).softmax(dim=1).numpy()


def train(
    net,
    real: RealImages,
    inputs,
    targets,
    *,
    seed: int,
    epochs: int,
    schedule: Callable[[float], float] = lambda done: 1.0,
    momentum: float = MOMENTUM,
    after: Callable[[int, object], None] | None = None,
    progress: Callable | None = None,
) -> None:
    """Train `net` in place on standardised inputs, `Rows` or a tensor [m, c, s, s], and targets as `loop.fit` has them.

    after: (epoch from 1, the network) -> None, called after every epoch.
    """
    import torch

    among, epoch = siamese.kinds("auto", real.grey), 0

    def changed(images, generator):
        rng = np.random.default_rng(int(torch.randint(2**62, (), generator=generator, device=generator.device)))
        return siamese.apply(siamese.draw(among, rng, len(images)), images)

    def watch() -> None:
        nonlocal epoch
        epoch += 1
        if after is not None:
            after(epoch, net)

    steady = {"momentum": momentum, "nesterov": True} if momentum else {}
    loop.fit(
        net,
        inputs,
        targets,
        optimiser=torch.optim.SGD(net.parameters(), lr=LR, weight_decay=DECAY, **steady),
        epochs=epochs,
        batch=BATCH,
        seed=seed,
        schedule=schedule,
        augment=changed,
        watch=watch,
        progress=progress,
    )


def stages(
    view: View, real: RealImages, *, seed: int, width: int, many: int, epochs: int, published: bool = False
) -> list:
    """`many` copies of a ConvNet, evenly spread over its first epochs of training; each with `.accuracy` on real rows.

    Half trained networks: they see more in an image than a fresh one and still let everything through.
    """
    rng = np.random.default_rng(seed)
    order = np.concatenate([rng.permutation(len(view)) for _ in range(epochs)])
    net, kept, judges = network(real, seed, width, published=published), [], rng.permutation(len(view))[:512]
    for number, rows in enumerate(np.array_split(order, many)):
        if not len(rows):
            continue
        train(net, real, Rows(real, rows), loop.tensor(view.labels[rows], real.device), seed=seed + number, epochs=1)
        copied = copy.deepcopy(net)
        found = loop.forward(copied, Rows(real, judges)).argmax(axis=1)
        copied.accuracy = float((found == view.labels[judges]).mean())
        kept.append(copied)
    return kept


def _split(view: View, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Rows to learn from and rows to judge by, a share of every class; a class of few only teaches."""
    share = min(HELD_OUT, MOST_HELD_OUT / max(len(view), 1))
    judges = [rng.permutation(rows)[: int(share * len(rows))] for rows in rows_by_class(view.labels).values()]
    judges = np.sort(np.concatenate(judges))
    learnt = np.setdiff1d(np.arange(len(view)), judges)
    return learnt, judges if len(judges) else learnt
