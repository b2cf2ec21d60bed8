"""The recorded student, brought back at its checkpoints so that it can be differentiated.

Scores that need gradients (curvature, variance of gradients, full GraNd, DeepFool) read the one recorded run; nobody
trains a second network for them. Weights are kept flat, as one array per checkpoint: nothing to unpickle.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

MOST = 8  # checkpoints kept of one run; 4 MB each for the small ResNet, 45 MB for a ResNet-18


class Thinned:
    """Keeps the weights after some of the epochs, evenly spread, at most `MOST`, and always after the last one.

    >>> thinned = Thinned()
    >>> for epoch in range(20):
    ...     thinned.add(np.array([epoch]))
    >>> thinned.epochs.tolist()
    [3, 7, 11, 15, 19]
    """

    def __init__(self):
        self._kept: dict[int, np.ndarray] = {}
        self._every, self._seen = 1, 0

    def add(self, weights: np.ndarray) -> None:
        self._seen += 1
        self._kept = {epoch: w for epoch, w in self._kept.items() if (epoch + 1) % self._every == 0}
        while len(self._kept) >= MOST:
            self._every *= 2
            self._kept = {epoch: w for epoch, w in self._kept.items() if (epoch + 1) % self._every == 0}
        self._kept[self._seen - 1] = weights  # the newest stays until the next one comes

    @property
    def epochs(self) -> np.ndarray:
        """int64 [K], counted from 0."""
        return np.array(list(self._kept), dtype=np.int64)

    @property
    def weights(self) -> np.ndarray:
        """float32 [K, P]."""
        return np.stack(list(self._kept.values()))


@dataclass(frozen=True)
class Network:
    """A student at K checkpoints, for m items.

    build: device -> the network with whatever weights; `standardise` and `rest` are its first layer and the others.
    load: (positions, device) -> its inputs [b, ...], a tensor on the device.
    weights: float32 [K, P] as `flat` gave them. epochs: int [K], the epoch each checkpoint ended, counted from 0.
    rows: int [m], which inputs the positions of this Network are.
    """

    build: Callable
    load: Callable
    weights: np.ndarray
    epochs: np.ndarray
    rows: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def checkpoints(self) -> int:
        return len(self.weights)

    def take(self, positions: np.ndarray) -> Network:
        return replace(self, rows=self.rows[positions])

    def at(self, checkpoint: int, device: str):
        """(inputs, logits): positions -> standardised float inputs [b, ...]; those inputs -> logits [b, C].

        The network is in evaluation mode and its weights ask for no gradient. Perturbations are meant in the
        standardised scale, in which inputs have a spread of about one. checkpoint: 0..K-1, or -1 for the last.
        """
        import torch

        net = restored(self.build(device), self.weights[checkpoint]).eval().requires_grad_(False)
        standardise, rest = net.body[0], torch.nn.Sequential(net.body[1:], net.head)

        def inputs(positions: np.ndarray):
            with torch.no_grad():
                return standardise(self.load(self.rows[positions], device))

        return inputs, rest


def flat(net) -> np.ndarray:
    """float32 [P]: all weights and buffers of a network, in the order of its state dict."""
    return np.concatenate([value.detach().float().cpu().numpy().ravel() for value in net.state_dict().values()])


def restored(net, weights: np.ndarray):
    """The network with the weights `flat` took, in place."""
    import torch

    state, at = net.state_dict(), 0
    for name, value in state.items():
        part = np.array(weights[at : at + value.numel()])
        state[name] = torch.from_numpy(part).reshape(value.shape).to(value.dtype)
        at += value.numel()
    if at != len(weights):
        raise ValueError(f"these weights are {len(weights):,} numbers, the network has {at:,}")
    net.load_state_dict(state)
    return net
