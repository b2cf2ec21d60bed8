"""Which folders of this machine and which URLs the app may read, and where it may write.

WINNOW_ROOTS: folders and URLs (s3://bucket/prefix) that a path may point into, separated by ':'; default the current
folder, the home, and every URL.

Where people log in (`access`), nobody reads in another's home, neither the current folder nor a URL is read unless
WINNOW_ROOTS says so, and exports go to one's own projects only.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from curation.data.remote.location import Remote, is_url, location, redacted, told
from curation.engine import registry
from curation.engine.recipe import Recipe
from curation.engine.stage import declared
from curation.errors import InputError, SourceError
from curation.ui.server import access
from curation.ui.server.home import everyones, home

EXPORTS = "exports"  # under a project's folder; what the app writes unless told otherwise


def roots() -> list[Path]:
    """Folders a path typed into the app may point into."""
    given = os.environ.get("WINNOW_ROOTS")
    folders = [Path(p) for p in _given() if not is_url(p)]
    if not given and access.visitor() is None:
        folders = [Path.cwd()]
    return [p.resolve() for p in (*folders, home())]


def allowed(text: str) -> Path | Remote:
    """A server-side path as typed, links resolved, or a URL. Raises SourceError when it leads outside what is allowed,
    or to nothing."""
    if is_url(text):
        return _allowed_url(text)
    path = Path(text.strip()).expanduser()
    if not text.strip():
        raise SourceError("give the path of a folder or file on the machine the app runs on")
    real = path.resolve()
    if not any(real.is_relative_to(root) for root in roots()) or _of_somebody_else(real):
        inside = ", ".join(str(root) for root in roots())
        raise SourceError(
            f"{text!r} is outside the folders this app may read ({inside}): set WINNOW_ROOTS to allow more and restart "
            "the app"
        )
    if not real.exists():
        raise SourceError(f"{text!r} does not exist on the machine the app runs on")
    return real


def check_paths(params: Mapping[str, Any]) -> None:
    """Raise SourceError when a parameter typed into the app names something outside the folders it may read."""
    for value in params.values():
        if isinstance(value, Path) or (isinstance(value, str) and value and not is_url(value) and Path(value).exists()):
            allowed(str(value))
        elif isinstance(value, str | Remote) and is_url(str(value)):
            _within(_location(str(value)))


def check_recipe(recipe: Recipe) -> None:
    """Raise InputError where people log in and a recipe asks for what only the owner of the machine may run: code
    imported by its path, or a place outside the folders the app may use."""
    if access.visitor() is None:
        return
    own = {name for name, student in registry.methods("students").items() if student.card.own_code}
    for stage in declared().values():
        for section in stage.sections(recipe):
            method = registry.get(stage.kind, section.use)
            if own & set(_words(section.model_dump())):
                raise InputError("your own code runs from the command line only, because people log in to this app")
            defaults = {name: field.default for name, field in method.params.model_fields.items()}
            given = {name: value for name, value in section.params.items() if value != defaults.get(name)}
            for path in (written := section.writes()):
                target(str(path))
            given = {name: value for name, value in given.items() if value not in written}
            check_paths(given | {str(path): path for path in section.files()})


def target(text: str) -> Path | Remote:
    """A path an export may write to, made absolute, or a URL. Raises InputError when it is outside what the app may
    use, or among a project's own files (except in its `exports` folder)."""
    if not text.strip():
        raise InputError("give the path of the file to write")
    if is_url(text):
        if access.visitor() is not None:
            raise InputError(f"{redacted(text)!r}: people log in to this app, so exports go to their own projects only")
        return _within(_location(text))
    real = Path(text.strip()).expanduser().resolve()
    writable = roots() if access.visitor() is None else [home().resolve()]
    if not any(real.is_relative_to(root) and real != root for root in writable):
        inside = ", ".join(str(root) for root in writable)
        raise InputError(
            f"{text!r} is outside the folders this app may write to ({inside}): set WINNOW_ROOTS to allow more and "
            "restart the app"
        )
    own = home().resolve()
    if real.is_relative_to(own):
        parts = real.relative_to(own).parts
        if len(parts) < 3 or parts[1] != EXPORTS:
            raise InputError(f"{text!r} is among Winnow's own files: write to the project's folder {EXPORTS!r}")
    return real


def _words(value: Any) -> Iterator[str]:
    """Every single value in tables and lists of any depth, as text."""
    if isinstance(value, Mapping):
        value = value.values()
    elif not isinstance(value, list | tuple):
        yield str(value)
        return
    for one in value:
        yield from _words(one)


def _given() -> list[str]:
    """The folders and URLs of WINNOW_ROOTS."""
    return [part for part in re.split(rf"{os.pathsep}(?!//|\d)", os.environ.get("WINNOW_ROOTS", "")) if part]


def _allowed_url(text: str) -> Remote:
    url = _within(_location(text))
    with told(url):
        if not url.exists():
            raise SourceError(f"nothing is at {url}, or a web server was asked for a folder, which has no listing")
    return url


def _location(text: str) -> Remote:
    try:
        return location(text)
    except ValueError as error:
        raise SourceError(f"{redacted(text)!r}: {error}") from None


def _within(url: Remote) -> Remote:
    """The URL, where WINNOW_ROOTS names it or what it lies below; without it, where nobody logs in."""
    prefixes = [location(part) for part in _given() if is_url(part)]
    if not any(url.is_relative_to(prefix) for prefix in prefixes) and (_given() or access.visitor() is not None):
        inside = ", ".join(map(str, prefixes)) or "none"
        raise SourceError(
            f"{str(url)!r} is outside the URLs this app may read ({inside}): add it to WINNOW_ROOTS and restart the app"
        )
    return url


def _of_somebody_else(real: Path) -> bool:
    """Whether a path is in somebody else's home, or among the server's secrets."""
    if access.visitor() is None:
        return False
    inside = real.is_relative_to(everyones().resolve()) and not real.is_relative_to(home().resolve())
    return inside or ".streamlit" in real.parts
