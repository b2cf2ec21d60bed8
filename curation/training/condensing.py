"""The one loop condensers optimise in, and what is seen of it from outside: progress, snapshots, a budget of seconds.

Every iteration asks a method for a loss, differentiates it by the images alone (no network is left with a gradient),
takes a step of Adam and brings the pixels back into their range. All randomness of iteration t comes from (seed, t),
so that a run that was stopped anywhere goes on to the same bytes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from curation.data.files import replacing

MOST_SNAPSHOTS = 24
DROP_AFTER, DROP_TO = 0.6, 0.3  # the rate falls to 0.3 of itself after 60 % of the way


class Watch:
    """What a stage hands to a condenser. Without a folder nothing is kept; without seconds, iterations end the loop.

    folder: for `snapshots/` and `state.npz`; an earlier, killed attempt's are gone on from. seconds: of `clock`, from
    now, those of the earlier attempt counted. every: seconds between two snapshots.
    notes: sentences about what went wrong on the way, for the card.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        seconds: float = 0.0,
        every: float = 2.0,
        clock: Callable[[], float] = time.perf_counter,
    ):
        self.folder, self.seconds, self.every, self.clock = folder, seconds, every, clock
        self.notes: list[str] = []
        self._begun, self._told, self._before, self._broken = clock(), -np.inf, 0.0, False

    @property
    def spent(self) -> float:
        """Seconds of this attempt and those before it."""
        return self._before + self.clock() - self._begun

    def done(self, iteration: int, iterations: int) -> float:
        """The share of the way that lies behind, 0 to 1, by iterations or by seconds, whichever is further."""
        return max(iteration / iterations, self.spent / self.seconds if self.seconds else 0.0)

    def state(self) -> dict[str, np.ndarray] | None:
        """What an earlier attempt left to go on from; None for a beginning, and where it cannot be read."""
        if self.folder is None or not (path := self.folder / "state.npz").exists():
            return None
        try:
            with np.load(path, allow_pickle=False) as found:
                state = dict(found)
        except (OSError, ValueError, EOFError, KeyError) as error:
            self.notes.append(f"the beginning an earlier run left could not be read ({error}); it begins anew")
            return None
        self._before += float(state.pop("spent"))
        return state

    def show(
        self,
        iteration: int,
        values: Callable[[], np.ndarray],
        state: Callable[[], Mapping[str, np.ndarray]] | None = None,
        *,
        now: bool = False,
    ) -> None:
        """Keep a snapshot and a state, if it is time to. values: () -> the set, as `Condensed.values`."""
        if self.folder is None or self._broken or not (now or self.clock() - self._told >= self.every):
            return
        self._told = self.clock()
        found = values()
        if found.ndim == 4:
            found = np.rint(found).astype(np.uint8)
        try:
            (self.folder / "snapshots").mkdir(exist_ok=True)
            if state is not None:
                _write(self.folder / "state.npz", {**state(), "spent": np.array(self.spent)})
            about = np.array(json.dumps({"iteration": iteration, "seconds": round(self.spent, 2)}))
            _write(self.folder / "snapshots" / f"{iteration:08d}.npz", {"values": found, "about": about})
            self._thin()
        except OSError as error:
            self._broken = True
            self.notes.append(f"no snapshot was kept after iteration {iteration}: {error.strerror or error}")

    def snapshots(self) -> list[tuple[int, float, np.ndarray]]:
        """(iteration, seconds, values) of every snapshot, in order."""
        return read_snapshots(self.folder) if self.folder is not None else []

    def close(self) -> None:
        """Remove what only another attempt would need."""
        if self.folder is not None:
            (self.folder / "state.npz").unlink(missing_ok=True)

    def _thin(self) -> None:
        """Every second snapshot goes when there are too many; the first and the newest stay."""
        files = sorted((self.folder / "snapshots").glob("*.npz"))
        if len(files) > MOST_SNAPSHOTS:
            self.every *= 2
            for path in files[1:-1:2]:
                path.unlink()


def read_snapshots(folder: Path) -> list[tuple[int, float, np.ndarray]]:
    """(iteration, seconds, values) of every snapshot a Watch kept in a folder, in order."""
    found = []
    for path in sorted((folder / "snapshots").glob("*.npz")):
        with np.load(path, allow_pickle=False) as kept:
            about = json.loads(str(kept["about"]))
            found.append((about["iteration"], about["seconds"], kept["values"]))
    return found


def optimise(
    tensors: Mapping[str, object],
    rates: Mapping[str, float],
    loss: Callable[[int, Mapping[str, object]], object],
    *,
    iterations: int,
    watch: Watch,
    progress: Callable | None,
    values: Callable[[Mapping[str, object]], np.ndarray],
    clamp: Callable[[Mapping[str, object]], None] = lambda tensors: None,
    settled: Callable[[int], bool] = lambda done: True,
) -> dict[str, np.ndarray]:
    """Change `tensors` in place until the loss is small, the iterations are done or the seconds are over.

    tensors: name -> float tensor. rates: of Adam, by name. loss: (iteration, tensors) -> a scalar; its randomness comes
    from its own seed and the iteration. values: tensors -> the set as it is shown. clamp: called after every step.
    settled: iterations that are done -> whether a stopped run can go on from here with nothing but the tensors;
    snapshots are taken then.
    Returns the history: loss float64 [T]. A loss or gradient that is not finite ends it, the tensors as they were.
    """
    import torch

    names = list(tensors)
    leaves = [tensors[name].requires_grad_() for name in names]
    optimiser = torch.optim.Adam([{"params": [x], "lr": rates[name]} for name, x in zip(names, leaves, strict=True)])
    start, losses = _restore(watch.state(), tensors, optimiser)

    def state() -> dict[str, np.ndarray]:
        return {"losses": np.array(losses), **_state(tensors, optimiser)}

    def shown() -> np.ndarray:
        with torch.no_grad():
            return values(tensors)

    watch.show(start, shown, state, now=start == 0)
    for t in range(start, iterations):
        if (share := watch.done(t, iterations)) >= 1:
            watch.notes.append(f"{watch.seconds:g} seconds were over after {t:,} of {iterations:,} iterations")
            break
        value = loss(t, tensors)
        gradients = torch.autograd.grad(value, leaves)
        if not (torch.isfinite(value) and all(torch.isfinite(g).all() for g in gradients)):
            watch.notes.append(
                f"stopped at iteration {t + 1:,}: the loss was no longer a number; the set before is kept"
            )
            break
        for group, leaf, gradient, name in zip(optimiser.param_groups, leaves, gradients, names, strict=True):
            leaf.grad, group["lr"] = gradient, rates[name] * (DROP_TO if share > DROP_AFTER else 1.0)
        optimiser.step()
        optimiser.zero_grad()
        with torch.no_grad():
            clamp(tensors)
        losses.append(float(value.detach()))
        if settled(t + 1):
            watch.show(t + 1, shown, state)
        if progress is not None:
            progress(round(1000 * watch.done(t + 1, iterations)), 1000, f"iteration {t + 1:,}, loss {losses[-1]:.3g}")
    watch.show(len(losses), shown, state if settled(len(losses)) else None, now=True)
    for leaf in leaves:
        leaf.requires_grad_(False)
    return {"loss": np.array(losses)}


def effort(*, seen: float, trained: float, width: int = 32, published: bool = False) -> int:
    """Images a ConvNet of width 32 could be trained on in the same time, for estimates.

    seen: images that only pass forward, a third of the work. trained: those that pass back too. A layer's work goes
    with the square of its width; the published order of layers takes four times as long (measured, as `nets.convnet`).

    >>> effort(seen=300, trained=100), effort(seen=0, trained=100, width=64)
    (200, 400)
    """
    return round((seen / 3 + trained) * (width / 32) ** 2 * (4 if published else 1))


def _state(tensors: Mapping, optimiser) -> dict[str, np.ndarray]:
    found = {f"tensor_{name}": x.detach().cpu().numpy().copy() for name, x in tensors.items()}
    for number, kept in optimiser.state_dict()["state"].items():
        found |= {f"adam_{number}_{key}": value.cpu().numpy().copy() for key, value in kept.items()}
    return found


def _restore(state: Mapping[str, np.ndarray] | None, tensors: Mapping, optimiser) -> tuple[int, list[float]]:
    """Iterations that are done, and their losses; tensors and optimiser as they were then."""
    import torch

    if state is None:
        return 0, []
    with torch.no_grad():
        for name, x in tensors.items():
            x.copy_(torch.from_numpy(state[f"tensor_{name}"]))
    kept: dict[int, dict] = {}
    for name, value in state.items():
        if name.startswith("adam_"):
            _, number, key = name.split("_", 2)
            kept.setdefault(int(number), {})[key] = torch.from_numpy(value)
    if kept:
        optimiser.load_state_dict({**optimiser.state_dict(), "state": kept})
    return len(state["losses"]), state["losses"].tolist()


def _write(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    with replacing(path) as beside, beside.open("wb") as file:
        np.savez(file, **arrays)
