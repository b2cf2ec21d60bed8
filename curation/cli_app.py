"""The commands that open the app in a browser: `winnow app [PATH]` and `winnow quickstart`.

The server is Streamlit's, started on the app that the package brings and with its settings: this machine only, unless
the environment says otherwise (docs/deploy.md). Projects are kept in ./workspaces, where `winnow run` keeps them too.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

import curation
from curation import packages
from curation.errors import UnavailableError

Port = Annotated[
    int | None, typer.Option(min=1, max=65535, help="Port to listen on; by default the first free from 8501.")
]


def app(
    path: Annotated[
        Path | None,
        typer.Argument(
            metavar="PATH", help="A folder of images, an archive, a table, an .npz file or a project to open."
        ),
    ] = None,
    port: Port = None,
) -> None:
    """Serve the app on this machine and open it in the browser."""
    _check()
    from curation.ui.start.opening import open_path

    _serve(port, open_path(path) if path is not None else {})


def quickstart(port: Port = None) -> None:
    """Open the sample in the browser and analyse it: 1,797 handwritten digits, some with wrong labels."""
    _check()
    from curation.ui.start.opening import open_sample

    _serve(port, open_sample())


def _check() -> None:
    if lacking := packages.missing(["streamlit", "torch"]):
        raise UnavailableError(packages.needs("the app", lacking))
    from streamlit.logger import set_log_level

    set_log_level("ERROR")  # it would warn that no page is being drawn, and none is until the server runs


def _serve(port: int | None, around: Mapping[str, str]) -> None:
    """The server, until it ends. It imports nothing from the folder it stands in (-P), which may be anybody's."""
    package = Path(curation.__file__).parent
    script = package / "ui" / "app.py"
    command = [sys.executable, "-P", "-m", "streamlit", "run", str(script)]
    command += ["--server.port", str(port)] if port else []
    sys.stdout.flush()
    paths = [str(package.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    server = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), **around})
    signal.signal(signal.SIGTERM, lambda *_: server.terminate())
    with contextlib.suppress(KeyboardInterrupt):  # the server hears it too, and ends in its own way
        server.wait()
    raise typer.Exit(server.wait())
