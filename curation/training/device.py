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


def half_precision(device):
    """The half-precision type products run in: bf16 on CUDA where the GPU has it, else fp16; None everywhere else."""
    import torch

    if torch.device(device).type != "cuda":
        return None
    return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16


def autocast(device) -> AbstractContextManager:
    """Products in half precision inside the block, where `half_precision` has one."""
    import torch

    half = half_precision(device)
    return nullcontext() if half is None else torch.autocast(torch.device(device).type, dtype=half)


def gradient_scaler(device):
    """A `torch.amp.GradScaler` that keeps small gradients of fp16 from becoming 0; it does nothing for other types."""
    import torch

    return torch.amp.GradScaler(torch.device(device).type, enabled=half_precision(device) is torch.float16)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that less at once would have fitted."""
    import torch

    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in OUT_OF_MEMORY)
