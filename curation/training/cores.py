"""Work that is shared out to the cores part by part, where an operation shared between them would wait for itself."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def each(function: Callable[[torch.Tensor], torch.Tensor], rows: torch.Tensor, size: int) -> list[torch.Tensor]:
    """`function` of consecutive parts of `size` rows; on the CPU each part on one core.

    Cores that each work through parts of their own never wait for each other within an operation, which on a machine
    that also does other things is several times faster than sharing every product between them. The parts, and with
    them every last bit of the result, do not depend on the number of cores.
    """
    import torch

    if rows.device.type != "cpu":
        return [function(part) for part in rows.split(size)]

    def one(part: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode():
            return function(part)

    cores = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(cores) as pool:
            return list(pool.map(one, rows.split(size)))
    finally:
        torch.set_num_threads(cores)
