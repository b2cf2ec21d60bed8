"""The one training loop. Every student goes through `fit`; there is no second one to keep in step.

The whole set lies on the device, batches are cut from it by index, augmentation happens on the device, and nothing
is read from disk: a small set trains as fast as its arithmetic. Every epoch visits every row exactly once, unless a
sampler chooses.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator

import numpy as np

from curation.data.view import View
from curation.errors import InputError, RunError
from curation.training import scheduled
from curation.training.checkpoints import flat
from curation.training.device import autocast, gradient_scaler
from curation.training.sampler import Sampler
from curation.training.student import Predictor, Record

SMALL = 2e8  # multiplications per step below which one CPU thread is the quickest


def fit(
    net,
    inputs,
    labels,
    *,
    optimiser,
    epochs: int,
    batch: int,
    seed: int,
    schedule: Callable[[float], float],
    augment: Callable | None = None,
    smoothing: float = 0.0,
    weights=None,
    record: Record | None = None,
    progress: Callable | None = None,
    sampler: Sampler | None = None,
    watch: Callable[[], None] | None = None,
) -> None:
    """Train `net` in place on inputs [m, ...] and labels, int64 [m] or probabilities float32 [m, C], all on one device,
    by cross-entropy.

    optimiser: carries the peak learning rate; schedule: share of the training done (0..1) -> share of that peak.
    batch: the most rows per step; an epoch is split evenly, so no step is left with a handful of rows.
    augment: (rows of inputs, generator) -> the same rows, altered. smoothing: of the labels, see cross_entropy.
    weights: float [m] with mean 1, how much the loss of each row counts; None = all the same. A sampler has its own.
    sampler: chooses the rows of every epoch until its budget is used up, in place of `epochs`; see scheduled.py.
    watch: called after every epoch.
    Deterministic for a seed on the CPU. Raises RunError when the loss stops being a number.
    """
    import torch
    from torch.nn.functional import cross_entropy

    device = labels.device
    generator = torch.Generator(device).manual_seed(seed)
    scaler, peaks = gradient_scaler(device), [group["lr"] for group in optimiser.param_groups]
    if sampler is None:
        turns = _everything(len(labels), epochs, batch, generator)
    else:
        turns = scheduled.turns(sampler, batch, lambda rows: (forward(net, inputs, rows=rows), labels[rows]), device)
    for epoch, batches in enumerate(turns):
        net.train()
        total = torch.zeros((), device=device)
        for done, rows in batches:
            for group, peak in zip(optimiser.param_groups, peaks, strict=True):
                group["lr"] = peak * schedule(done)
            x = inputs[rows]
            if augment is not None:
                x = augment(x, generator)
            with autocast(device):
                logits = net(x)
            if record is not None:  # before the update: what the student knew when it met these rows
                record.batch(rows.cpu().numpy(), to_numpy(logits))
            if sampler is None:
                reduction = "mean" if weights is None else "none"
                loss = cross_entropy(logits.float(), labels[rows], label_smoothing=smoothing, reduction=reduction)
                if weights is not None:
                    loss = (loss * weights[rows]).mean()
            else:
                loss = scheduled.loss(sampler, rows, logits.float(), labels[rows], smoothing)
            optimiser.zero_grad()
            scaler.scale(loss).backward()
            scaler.step(optimiser)  # passes over a step whose gradients are too large for fp16
            scaler.update()
            total += loss.detach()
        if not torch.isfinite(total):  # asked once an epoch: asking every step would make a GPU wait
            raise RunError(
                f"the student diverged: its loss was no longer a number in epoch {epoch + 1} of {epochs}; "
                "train it with a lower learning rate (lr)"
            )
        if record is not None:
            record.epoch(lambda: predicted(net, inputs), lambda: flat(net))
        if watch is not None:
            watch()
        if progress is not None and sampler is None:
            progress(epoch + 1, epochs, f"epoch {epoch + 1} of {epochs}")
        elif progress is not None:
            progress(round(sampler.spent), sampler.planned, f"epoch {epoch + 1}, {sampler.progress:.0%} of the passes")


def _everything(m: int, epochs: int, batch: int, generator) -> Iterator[Iterator[tuple[float, object]]]:
    """Every epoch's batches of all m rows, split evenly, each with the share of the training done before it."""
    import torch

    steps = math.ceil(m / batch)
    for epoch in range(epochs):
        order = torch.randperm(m, generator=generator, device=generator.device)
        yield (((epoch * steps + i) / (epochs * steps), rows) for i, rows in enumerate(order.tensor_split(steps)))


def predictor(net, load: Callable[[View], object], passes: int) -> Predictor:
    """The finished student. net: has `body` and `head`. load: View -> its inputs, a tensor on the net's device."""
    return Predictor(
        logits=lambda view: predicted(net, load(view)),
        features=lambda view: forward(net.body, load(view)),
        passes=passes,
    )


def predicted(net, inputs) -> np.ndarray:
    """float32 [m, C], clean logits. Raises RunError where they are not finite: a loss may stay a number in training
    while the running means of a batch normalisation do not."""
    logits = forward(net, inputs)
    if broken := int((~np.isfinite(logits)).any(axis=1).sum()):
        raise RunError(
            f"the student diverged: its predictions for {broken:,} of {len(logits):,} items are not numbers; "
            "train it with a lower learning rate (lr)"
        )
    return logits


def forward(net, inputs, block: int = 2048, rows=None) -> np.ndarray:
    """float32 [m, ...], the net's output in evaluation mode, block by block; of some rows only where they are given."""
    import torch

    net.eval()
    parts = inputs.split(block) if rows is None else (inputs[part] for part in rows.split(block))
    with torch.inference_mode(), autocast(inputs.device):
        made, at = None, 0
        for part in parts:
            here = to_numpy(net(part))
            if made is None:  # the shape of what the net gives is known now; joining blocks would hold them twice
                made = np.empty((len(inputs if rows is None else rows), *here.shape[1:]), here.dtype)
            made[at : at + len(here)] = here
            at += len(here)
        return made


def epochs_for(m: int, batch: int, epochs: int, least_steps: int, steps: int = 0, most_steps: int | None = None) -> int:
    """How many times m items are seen: `epochs`, or as often as it takes to get `steps` updates where that is not 0.

    Epochs make training cheaper with the subset, and ask what a subset saves; a small set still gets `least_steps`
    updates, and a set so large that `epochs` would make more than `most_steps` is seen as often as gives that many.
    Steps give every subset the same compute, and ask what its items are worth; the last epoch is finished, so that a
    recorded run has every item equally often.

    >>> epochs_for(50_000, 500, 10, 300), epochs_for(20, 500, 10, 300), epochs_for(50_000, 500, 10, 300, most_steps=450)
    (10, 300, 5)
    >>> epochs_for(50_000, 500, 10, 300, steps=1000), epochs_for(5_000, 500, 10, 300, steps=1001)
    (10, 101)
    """
    a_time = max(1, math.ceil(m / batch))
    if steps:
        return math.ceil(steps / a_time)
    most = epochs if most_steps is None else min(epochs, math.ceil(most_steps / a_time))
    return max(most, math.ceil(least_steps / a_time))


def checked_labels(view: View) -> np.ndarray:
    """The view's labels, or an InputError that says why no student can learn from them."""
    if len(view) == 0:
        raise InputError("there are no rows to train a student on; keep at least one")
    if len(view.classes) < 2:
        raise InputError(f"a student needs at least two classes; there is {len(view.classes)}")
    return view.labels


def item_weights(view: View, device):
    """float32 [m] on the device, the weights of the view's rows; None where all count the same."""
    return None if view.weights is None else tensor(view.weights.astype(np.float32), device)


def targets(view: View, codes: np.ndarray, device):
    """What `fit` takes as labels: int64 [m], or float32 [m, C] where the view has soft labels."""
    return tensor(codes if view.soft_labels is None else view.soft_labels, device)


def cosine(done: float) -> float:
    """From 1 to 0 along half a cosine."""
    return 0.5 * (1 + math.cos(math.pi * done))


def triangle(done: float, peak: float = 0.25) -> float:
    """Up to 1 in the first quarter, then straight down to 0: large steps without a rough start."""
    return min(0.1 + 0.9 * done / peak, (1 - done) / (1 - peak))


def tensor(array: np.ndarray, device):
    """A tensor on the device; on the CPU it shares the array's memory and must not be written to."""
    import torch

    with warnings.catch_warnings():  # views are read-only, and so are we
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.as_tensor(array).to(device)


def to_numpy(x) -> np.ndarray:
    return x.detach().float().cpu().numpy()
