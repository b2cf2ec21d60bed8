"""How many threads products run on, for loops whose single steps are too small to share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager


def one_blas_thread() -> AbstractContextManager:
    """Products of numpy and scipy run on the calling thread alone inside the block.

    Sharing a step of under a millisecond gains little, and on a busy machine every step waits for the slower half
    (measured: 10 s on one thread, 155 s on two threads of two busy cores, for 5,000 picks by log-determinant).

    >>> import numpy as np
    >>> with one_blas_thread():
    ...     float(np.ones(3) @ np.ones(3))
    3.0
    """
    from threadpoolctl import threadpool_limits

    return threadpool_limits(limits=1, user_api="blas")


@contextmanager
def one_torch_thread(when: bool = True) -> Iterator[None]:
    """Keep torch to one CPU thread: sharing steps of under a millisecond costs more than it saves, most of all
    on a busy machine (measured: 3 s alone, 60 s with two threads on two busy cores)."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1 if when else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
