"""Gradients in the input of a recorded network, block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from curation.training.checkpoints import Network

_NUMBERS = 1 << 19  # input numbers in a block on a CPU: 170 images of 32 x 32, whose activations stay under 500 MB


def blocks(network: Network, device: str) -> Iterator[np.ndarray]:
    """int64 positions 0..m-1 in order, as many at a time as suits the size of one input and the device."""
    size = network.at(-1, device)[0](np.arange(1))[0].numel() if len(network) else 1
    room = _NUMBERS if device.startswith("cpu") else 8 * _NUMBERS
    step = min(max(1, room // size), 8192)
    for start in range(0, len(network), step):
        yield np.arange(start, min(start + step, len(network)))


def input_gradient(logits_of, x, of: Callable):
    """d of(logits_of(x)) / d x, a tensor like x [b, ...]. `of` adds up what each row gives, so rows stay apart.

    >>> import torch
    >>> input_gradient(torch.square, torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.sum).tolist()
    [[2.0, 4.0], [6.0, 8.0]]
    """
    import torch

    x = x.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(of(logits_of(x)), x)
    return gradient


def signs(x, rng: np.random.Generator):
    """A tensor like x of random +1 and -1 (Rademacher). Drawn by numpy: the same on every device."""
    import torch

    bits = np.unpackbits(np.frombuffer(rng.bytes(-(-x.numel() // 8)), np.uint8))[: x.numel()]
    return torch.from_numpy(bits).to(x.device).reshape(x.shape).to(x.dtype).mul_(2).sub_(1)


@contextmanager
def full_precision() -> Iterator[None]:
    """Inside, a GPU multiplies in full float32: the ten bits it may keep instead are coarser than a small step."""
    import torch

    matmul = torch.backends.cuda.matmul.allow_tf32
    conv = torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = matmul, conv
