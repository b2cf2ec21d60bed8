"""Drives the real app in a real browser: starts it on a free port, opens Chromium, keeps what went wrong there.

    with app(APP, env={...}) as url, chromium() as browser:
        page = Visit(browser, url)
        page.tab.get_by_text("Try the sample").click()
        page.quiet()                       # no error on the page or in the console
        page.shot(folder / "data.png")

A machine without Chromium fails these tests; it never skips them.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
SIZES = {"laptop": (1280, 900), "desk": (1600, 1000)}
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-dev-shm-usage"),
    *("--use-angle=swiftshader", "--enable-unsafe-swiftshader"),  # WebGL without a graphics card
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"),
]


@contextlib.contextmanager
def app(script: Path = ROOT / "app.py", *, env: Mapping[str, str] | None = None, wait: float = 60) -> Iterator[str]:
    """Run the app from the folder of its script until the block ends; gives its address.

    env: added to the environment. Raises RuntimeError with the app's last words when it does not answer in time.
    """
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.port", str(port)]
    command += ["--server.headless", "true", "--server.fileWatcherType", "none"]
    around = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **(env or {})}
    with serving(command, port, folder=script.parent, env=around, wait=wait) as url:
        yield url


@contextlib.contextmanager
def serving(
    command: Sequence[str], port: int, *, folder: Path, env: Mapping[str, str], wait: float = 60
) -> Iterator[str]:
    """Run a command that serves the app on a port until the block ends; gives its address. Errors as `app`."""
    with subprocess.Popen(
        command,
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        said = _Drain(process)
        try:
            _wait_for(f"http://127.0.0.1:{port}/_stcore/health", process, said, wait)
            yield f"http://127.0.0.1:{port}"
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium that can draw WebGL in software."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next((path for name in names if (path := shutil.which(name))), None)
    with sync_playwright() as playwright:
        found = found or playwright.chromium.executable_path
        if not Path(found).exists():
            raise RuntimeError("browser tests need Chromium: install it, or run `playwright install chromium`")
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


class Visit:
    """One visitor: a tab, and everything that went wrong in it.

    tab: the Playwright page. errors: what the console and the scripts complained of. received, sent: sizes in bytes
    of the websocket messages from and to the server, in order. hosts: all that anything was asked of.
    before: a script that runs before the page's own.
    """

    def __init__(
        self,
        browser: Browser,
        url: str,
        *,
        dark: bool = False,
        size: tuple[int, int] = SIZES["laptop"],
        before: str = "",
    ):
        self.hosts: set[str] = set()
        self.errors: list[str] = []
        self.received: list[int] = []
        self.sent: list[int] = []
        scheme = "dark" if dark else "light"
        context = browser.new_context(color_scheme=scheme, viewport={"width": size[0], "height": size[1]})
        self.tab: Page = context.new_page()
        self.tab.add_init_script(before)
        self.tab.on("request", self._request)
        self.tab.on("console", self._console)
        self.tab.on("pageerror", lambda error: self.errors.append(f"script: {error}"))
        self.tab.on("websocket", self._socket)
        self.tab.goto(url)
        self.settle()

    def settle(self, seconds: float = 60) -> None:
        """Wait until the app has finished running and nothing is being drawn any more."""
        self.tab.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]', timeout=seconds * 1000)
        self.tab.wait_for_selector('[data-testid="stSkeleton"]', state="detached", timeout=seconds * 1000)
        self.tab.wait_for_timeout(150)  # the last frame

    def quiet(self) -> None:
        """Nothing went wrong: no error box on the page, no error in the console."""
        shown = self.tab.locator('[data-testid="stException"]').all_inner_texts()
        assert not shown, f"the page shows an error: {shown[0]}"
        assert not self.errors, f"the browser complains: {self.errors}"

    def shot(self, path: Path, *, whole: bool = False) -> Path:
        """A picture of what is visible, or of the whole page."""
        path.parent.mkdir(parents=True, exist_ok=True)
        if whole:  # the page scrolls inside the window, so the window is made as tall as its content
            size = self.tab.viewport_size
            tall = self.tab.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
            self.tab.set_viewport_size({"width": size["width"], "height": min(tall, 6000)})
            self.tab.wait_for_timeout(600)
        self.tab.screenshot(path=path)
        if whole:
            self.tab.set_viewport_size(size)
        return path

    def lasso(self, canvas, corners: list[tuple[float, float]], *, end_with: str | None = None) -> None:
        """Draw around an area of a map with the mouse. corners: shares of the canvas' width and height. end_with: a key
        that is down when the button is let go."""
        box = canvas.bounding_box()
        at = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in corners]
        self.tab.mouse.move(*at[0])
        self.tab.mouse.down()
        for point in [*at[1:], at[0]]:
            self.tab.mouse.move(*point, steps=4)
            self.tab.wait_for_timeout(40)  # a busy browser drops moves that follow too fast, and the area is empty
        if end_with:
            self.tab.keyboard.down(end_with)
        self.tab.mouse.up()
        if end_with:
            self.tab.keyboard.up(end_with)

    def _request(self, request) -> None:
        if host := urlsplit(request.url).netloc:  # what lies in the page itself (data:, blob:) has none
            self.hosts.add(host)

    def _console(self, message) -> None:
        # Opened at a page's own address, Streamlit first looks for its server below it, and tries again above.
        probing = message.location.get("url", "").endswith(("/_stcore/health", "/_stcore/host-config"))
        if message.type == "error" and not probing:
            self.errors.append(f"console: {message.text} ({message.location.get('url', '')})")

    def _socket(self, socket) -> None:
        socket.on("framereceived", lambda data: self.received.append(len(data)))
        socket.on("framesent", lambda data: self.sent.append(len(data)))


def choose(page: Visit, view: str) -> None:
    """Click one of the views of a page; while it is drawn again the old and the new one are there for a moment."""
    page.settle()
    page.tab.get_by_role("radio", name=view).first.click()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_for(address: str, process: subprocess.Popen, said: _Drain, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=2) as answer:
            if answer.status == 200:
                return
        time.sleep(0.1)
    raise RuntimeError(f"the app did not answer within {seconds:.0f} s; it said:\n{said.last()}")


class _Drain:
    """Reads what a process says, so that it never blocks, and keeps the end of it."""

    def __init__(self, process: subprocess.Popen):
        self.lines: deque[str] = deque(maxlen=80)

        def read() -> None:
            for line in process.stdout:
                self.lines.append(line.decode(errors="replace"))

        threading.Thread(target=read, daemon=True).start()

    def last(self) -> str:
        return "".join(self.lines)
