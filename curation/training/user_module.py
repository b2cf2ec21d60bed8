"""A person's own torch network, found by import path and trained by the house's loop.

Importing a module runs it. A path is taken from a recipe, the command line or the form of an app that answers to this
machine only; never from data that was read or uploaded. A recipe by somebody else is a program by somebody else.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.machinery import ModuleSpec
from itertools import accumulate
from pathlib import Path

from curation.data.view import View
from curation.errors import InputError, RunError, UnavailableError, WinnowError
from curation.training import loop, nets
from curation.training.sampler import Sampler
from curation.training.student import Predictor

_NAME = r"[A-Za-z_]\w*"
_PATH = re.compile(rf"{_NAME}(\.{_NAME})*:{_NAME}")
_read: dict[str, tuple] = {}  # module -> its file, with time and size, when it was imported or first met here


def require(path: str) -> ModuleSpec:
    """Where the module of "package.file:callable" is, without running it.

    Raises UnavailableError where the path is not one or nothing is there.
    """
    if not _PATH.fullmatch(path):
        given = f"path = {path!r} is not an import path" if path else "it was not told which network to train"
        raise UnavailableError(f'module: {given}; give the module and the callable: path = "my_nets.small:Net"')
    name = path.partition(":")[0]
    importlib.invalidate_caches()
    spec = _found(name)
    if spec is None:
        raise UnavailableError(
            f"module: path = {path!r}: there is no module {name} in {Path.cwd()} or among the installed packages; "
            "start in its folder, or correct the path"
        )
    return spec


def files(path: str) -> list[Path]:
    """The module's own file, whose changes make old results void; nothing where it is not there."""
    try:
        spec = require(path)
    except UnavailableError:
        return []
    return [Path(spec.origin)] if spec.has_location and spec.origin else []


def imported(path: str) -> Callable:
    """What the path names, imported; again if its file has changed since. Raises InputError where it is of no use."""
    spec, attribute = require(path), path.partition(":")[2]
    stamp = _stamp(spec)
    module = sys.modules.get(spec.name)
    if module is None or _read.setdefault(spec.name, stamp) != stamp:
        with _here():
            try:
                if parent := spec.name.rpartition(".")[0]:
                    importlib.import_module(parent)
                module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
                spec.loader.exec_module(module)
            except (Exception, SystemExit) as error:
                sys.modules.pop(spec.name, None)
                raise InputError(f"module {path}: importing it raised {_said(error)}; fix it and run again") from error
        _read[spec.name] = stamp
    found = getattr(module, attribute, None)
    if not callable(found):
        what = "has nothing of that name" if found is None else f"has a {type(found).__name__} of that name"
        raise InputError(f"module {path}: {spec.name} {what}; expected a class or function that makes a network")
    return found


def train(
    path: str,
    view: View,
    inputs: Callable,
    standard: tuple | Callable,
    *,
    pixels: bool,
    device: str,
    seed: int,
    lr: float,
    sampler: Sampler | None = None,
    watch: Callable[[Predictor], None] | None = None,
    **fit,
) -> Predictor:
    """The trained network. inputs: View -> tensor [m, ...], of which a trailing axis is standardised with
    standard: (mean, scale), or inputs -> (mean, scale). fit: see loop.fit.

    Raises InputError where the path is of no use, and RunError with the module's name and what it raised, where it
    raises or answers in another shape than [b, C].
    """
    import torch

    codes, c, make = loop.checked_labels(view), len(view.classes), imported(path)

    class Guarded(torch.nn.Module):
        """Whatever a person's code raises becomes one sentence."""

        def __init__(self):
            super().__init__()
            with _named(path, f"when called with classes={c}"):
                self.net = make(classes=c)
            if not isinstance(self.net, torch.nn.Module):
                what = type(self.net).__name__
                raise RunError(f"module {path}: calling it gave a {what}; expected a torch.nn.Module")

        def forward(self, x):
            with _named(path, f"for an input of shape {list(x.shape)}"):
                logits = self.net(x)
            if not isinstance(logits, torch.Tensor) or logits.shape != (len(x), c):
                shape = list(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
                raise RunError(
                    f"module {path}: for an input of shape {list(x.shape)} it gave {shape}; "
                    f"expected logits of shape {[len(x), c]}, an item each and a column per class"
                )
            return logits

    x, y = inputs(view), loop.tensor(codes, device)
    net = nets.own(Guarded, standard(x) if callable(standard) else standard, pixels, seed).to(device)
    if not any(p.requires_grad for p in net.parameters()):
        raise RunError(f"module {path}: the network has no parameters to train")
    with torch.random.fork_rng(), _torch_errors(path):  # dropout draws from the global generator
        torch.manual_seed(seed)
        optimiser = torch.optim.AdamW((p for p in net.parameters() if p.requires_grad), lr=lr)
        student = loop.predictor(net, inputs, sampler.planned if sampler is not None else fit["epochs"] * len(codes))
        after, weights = watch and partial(watch, student), loop.item_weights(view, device)
        loop.fit(
            net, x, y, optimiser=optimiser, seed=seed, schedule=loop.triangle, weights=weights, sampler=sampler,
            watch=after, **fit,
        )  # fmt: skip
    return student


def _found(name: str) -> ModuleSpec | None:
    """Where a module would be imported from now. Asked of the finders themselves: importlib would answer with what was
    imported before, and would run the packages around a module to find it."""
    spec, inside = None, None
    for part in accumulate(name.split("."), "{}.{}".format):
        with _here():
            asked = (finder.find_spec(part, inside) for finder in sys.meta_path if hasattr(finder, "find_spec"))
            spec = next(filter(None, asked), None)
        if spec is None:
            return None
        inside = spec.submodule_search_locations or []
    return spec if spec.loader else None


def _stamp(spec: ModuleSpec) -> tuple:
    if not spec.has_location or not Path(spec.origin).exists():
        return (spec.origin,)
    stat = Path(spec.origin).stat()
    return (spec.origin, stat.st_mtime_ns, stat.st_size)


@contextmanager
def _here() -> Iterator[None]:
    """The current folder is looked through first, as `python -m` does and other ways of starting do not."""
    before = list(sys.path)
    sys.path.insert(0, str(Path.cwd()))
    try:
        yield
    finally:
        sys.path[:] = before


@contextmanager
def _named(path: str, when: str) -> Iterator[None]:
    try:
        yield
    except WinnowError:
        raise
    except Exception as error:
        raise RunError(f"module {path} raised {_said(error)} {when}") from error


@contextmanager
def _torch_errors(path: str) -> Iterator[None]:
    """What only shows on the way back, such as a tensor changed in place, torch raises as a RuntimeError."""
    try:
        yield
    except RuntimeError as error:
        raise RunError(f"module {path}: training it raised {_said(error)}") from error


def _said(error: BaseException) -> str:
    """'ValueError: its first line'."""
    first = (str(error).strip().splitlines() or [""])[0].rstrip(".")
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
