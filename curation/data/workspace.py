"""The workspace: `<stage>/<key>/`, one folder per result, and a result exists if and only if its folder does.

A result is written into a `.partial-<key>` folder beside its final place, synced, and renamed. Nothing under a
final name is ever rewritten, so readers need no lock. Killed at any moment, a run leaves finished results and
perhaps a partial folder, which the next run continues or clears. Two processes that want the same key queue up on
a lock; the second finds the result there.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from curation.data.files import make_folder, sync, sync_tree, update_text, write_text
from curation.errors import WorkspaceError

__all__ = ["Workspace", "key_of", "update_text", "write_text"]

KEPT = 30 * 24 * 3600.0  # seconds for which parts wait for the run that goes on with them
FORMAT = 1  # raised when an older Winnow could not read what a newer one writes


def key_of(**parts: Any) -> str:
    """20 hex digits of the SHA-256 of `parts` as canonical JSON; equal parts, equal key, on any machine."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


class Workspace:
    """One folder of results. Raises WorkspaceError when it cannot be used, with the reason.

    make: create it where it is not; a page that is open must not bring a removed project back.
    """

    def __init__(self, folder: Path | str, *, make: bool = True):
        self.folder = Path(os.path.expanduser(folder))  # noqa: PTH111 - of an unknown user it stays as it is
        about = self.folder / "winnow.json"
        if not make:
            self.check()
        try:
            if not about.exists():
                make_folder(self.folder)
                write_text(about, json.dumps({"format": FORMAT}) + "\n")
            written_by = int(json.loads(about.read_text())["format"])
        except (OSError, ValueError, KeyError, TypeError, WorkspaceError) as error:
            raise WorkspaceError(f"the workspace {self.folder} cannot be used: {error}") from error
        if written_by > FORMAT:
            raise WorkspaceError(
                f"the workspace {self.folder} was written by a newer Winnow (format {written_by}, this one reads "
                f"up to {FORMAT}): update Winnow or choose another workspace"
            )

    def path(self, stage: str, key: str) -> Path:
        """Where a result is, or will be."""
        return self.folder / stage / key

    def parts(self, stage: str, key: str) -> Path:
        """Where workers put parts of a result that is in the making, and what they read to make them."""
        return self.folder / ".parts" / f"{stage}-{key}"

    def done(self, stage: str, key: str) -> bool:
        return self.path(stage, key).is_dir()

    def card(self, stage: str, key: str) -> dict[str, Any]:
        """What a finished result says about itself."""
        return json.loads((self.path(stage, key) / "card.json").read_text())

    def check(self) -> None:
        """Raise WorkspaceError when the folder was removed or moved since it was opened."""
        if not (self.folder / "winnow.json").exists():
            raise WorkspaceError(f"the workspace {self.folder} is gone: it was deleted or moved while it was open")

    def tidy(self, resumed: Collection[str] = ()) -> None:
        """Remove what killed runs left behind; what another run is at work on stays.

        resumed: stages that go on where a killed attempt stopped, whose beginnings stay too.
        """
        for partial in self.folder.glob("*/.partial-*"):
            stage, key = partial.parent.name, partial.name.removeprefix(".partial-")
            if stage not in resumed:
                with contextlib.suppress(Timeout), self._locked(stage, key):
                    shutil.rmtree(partial, ignore_errors=True)
        for left in self.folder.glob(".parts/*"):
            stage, _, key = left.name.partition("-")
            if time.time() - left.stat().st_mtime > KEPT:
                with contextlib.suppress(Timeout), self._locked(stage, key):
                    shutil.rmtree(left, ignore_errors=True)

    def fail(self, key: str, sentence: str) -> None:
        """Remember why a step could not be finished; a later success makes it void."""
        make_folder(self.folder / "failed")
        write_text(self.folder / "failed" / f"{key}.txt", sentence + "\n")

    def failure(self, key: str) -> str | None:
        """Why a step that is not done could not be finished; None when it has not been tried."""
        path = self.folder / "failed" / f"{key}.txt"
        return path.read_text().strip() if path.exists() else None

    def cards(self, stage: str = "[!.]*") -> Iterator[dict[str, Any]]:
        """The cards of every finished result (of one stage), by stage and time of creation; each with its `key`."""
        for folder in sorted(p for p in self.folder.glob(stage) if p.is_dir()):
            found = [json.loads(c.read_text()) | {"key": c.parent.name} for c in folder.glob("[!.]*/card.json")]
            yield from sorted(found, key=lambda card: card["created"])

    @contextlib.contextmanager
    def lock(self, stage: str, key: str, waiting: Callable[[], None] | None = None) -> Iterator[None]:
        """Hold the right to write one key. Released by the system when the process dies, however it dies."""
        told = False
        while True:
            with contextlib.ExitStack() as held:
                try:
                    held.enter_context(self._locked(stage, key))
                except Timeout:
                    if waiting and not told:
                        waiting()
                        told = True
                else:
                    yield
                    return
            time.sleep(0.2)

    @contextlib.contextmanager
    def _locked(self, stage: str, key: str) -> Iterator[None]:
        """The lock now, or Timeout."""
        folder = self.folder / ".locks"  # never removed: a lock file that vanishes could be locked twice
        lock = FileLock(folder / f"{stage}-{key}")
        try:
            folder.mkdir(exist_ok=True)
            lock.acquire(timeout=0)
        except Timeout:
            raise
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            yield
        finally:
            lock.release()

    @contextlib.contextmanager
    def write(self, stage: str, key: str, resume: bool = False) -> Iterator[Path]:
        """A folder to write one result into; published when the block ends without an error.

        resume: keep what an earlier, killed attempt left there. Call under `lock`. The block must write card.json.
        """
        final = self.path(stage, key)
        partial = final.with_name(f".partial-{key}")
        try:
            if partial.exists() and not resume:
                shutil.rmtree(partial)
            self.check()
            make_folder(partial)
        except OSError as error:
            raise self._unwritable(error) from error
        yield partial
        self.check()
        try:
            sync_tree(partial)
            partial.rename(final)
            sync(final.parent)
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> WorkspaceError:
        if not self.folder.is_dir():
            return WorkspaceError(f"the workspace {self.folder} is gone: it was deleted or moved while it was open")
        return WorkspaceError(f"cannot write to the workspace {self.folder}: {(error.strerror or str(error)).lower()}")
