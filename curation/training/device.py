"""Where tensors live: a GPU is found and used without being asked, and half precision only where it pays."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Literal

from curation import packages
from curation.errors import InputError

# How the back ends say it, apart from torch.OutOfMemoryError.
OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "alloc_failed", "not enough memory")


def pick(name: Literal["auto", "cpu", "cuda", "mps"] = "auto") -> str:
    """The device to use: the named one, or the first there is of cuda, mps, cpu.

    Raises InputError where the named one is not there.

    >>> pick("cpu")
    'cpu'
    """
    # No need to load torch to know this; without torch nothing that runs could use another.
    if name == "cpu" or (name == "auto" and packages.missing(["torch"])):
        return "cpu"
    if packages.missing(["torch"]):
        raise InputError(packages.needs(f"the device {name}", ["torch"]))
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return next(device for device, present in there.items() if present)
    if name not in there:
        raise InputError(f"there is no device {name!r}; expected one of: auto, {', '.join(there)}")
    if not there[name]:
        found = ", ".join(device for device, present in there.items() if present)
        raise InputError(f"the device {name!r} was asked for but this machine has only {found}; use --device auto")
    return name


def autocast(device: str) -> AbstractContextManager:
    """Half precision on CUDA (bf16 where the GPU has it, else fp16); full precision everywhere else."""
    import torch

    if torch.device(device).type != "cuda":
        return nullcontext()
    half = torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    return torch.autocast("cuda", dtype=half)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that less at once would have fitted."""
    import torch

    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in OUT_OF_MEMORY)
