"""The folder projects live in: one for everybody or, where people log in, one for each person.

WINNOW_HOME is the folder, by default ./workspaces. Where people log in (`access`), the projects of a person are in
`.users/<key>/` below it.
"""

from __future__ import annotations

import os
from pathlib import Path

from curation.ui.server import access

USERS = ".users"  # no project's name starts with a dot


def home() -> Path:
    """The folder of the visitor's projects. Raises AccessError for somebody who has to log in first."""
    who = access.visitor()
    return everyones() if who is None else everyones() / USERS / who.key


def everyones() -> Path:
    return Path(os.environ.get("WINNOW_HOME", "workspaces")).absolute()
