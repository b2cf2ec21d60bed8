"""A crowd in real browsers on one large project: `make load`.

    python -m tests.load [--sessions 20] [--mapped 2] [--minutes 3] [--items 50000] [--pause 2.0] [--keep FOLDER]

Makes a project of generated images with features (5 % of the labels wrong), analyses it, serves it, and lets every
session click on its own for so long: decisions by key in the review, pages of thumbnails, and the other pages, with a
pause of a second or two between, as a person has it. They come one after the other, within ARRIVE seconds. The map
is opened once by a few only: without a graphics card the browser draws its 50,000 points in software, and twenty of
them on one machine would measure that and nothing else.

Prints one JSON object: how long an interaction takes from the click until the page shows what it changed and is at
rest (seconds, median and p95, by kind), the server's memory, errors of any kind, and decisions answered against
decisions stored. Browsers and server share this machine's cores, so the times are of both.
Exit code 1 on any error or lost decision. Everything stays on this machine; it stops by itself.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import psutil
from playwright.async_api import Error, Page, async_playwright

from curation.data.decisions import DecisionLog
from tests.app.browser import FLAGS, ROOT, app
from tests.load.transfer import measure, server_of

RECIPE = """
[source]
use = "arrays"
path = "{top}/large.npz"
[encode]
use = "precomputed"
[[score]]
use = "aum"
[[flag]]
use = "confident_learning"
[map]
use = "pca"
[[prune]]
name = "half"
use = "random"
keep = 0.5
"""
ARRIVE = 60  # seconds within which all sessions have begun
PATIENCE = 180_000  # milliseconds until a click that shows nothing is an error
AGAIN = 15_000  # milliseconds until a person presses a key a second time; counted, and part of the time it took
PLAIN = [flag for flag in FLAGS if "swiftshader" not in flag] + ["--disable-gpu"]
QUIET = '[data-testid="stApp"][data-test-script-state="notRunning"]'


def project(top: Path, items: int) -> None:
    """The project "large" under `top`/home."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, items)
    features = (rng.normal(size=(10, 32)) * 1.5)[labels] + rng.normal(size=(items, 32))
    given = np.where(rng.random(items) < 0.05, rng.integers(0, 10, items), labels)
    images = features[:, :1, None] * 20 + 128 + rng.integers(0, 60, (items, 24, 24))
    np.savez(
        top / "large.npz",
        images=images.clip(0, 255).astype(np.uint8),
        features=features.astype(np.float32),
        labels=np.array([f"class {i}" for i in range(10)])[given],
        split=np.where(np.arange(items) % 10 < 9, "train", "test"),
    )
    (top / "r.toml").write_text(RECIPE.format(top=top))
    command = [sys.executable, "-m", "curation", "run", str(top / "r.toml"), "-w", str(top / "home" / "large")]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL)


class Session:
    """One person: a context of their own, what they did and how long it took."""

    def __init__(self, number: int, pause: float, mapped: bool):
        self.chance, self.pause, self.mapped = random.Random(number), pause, mapped
        self.took: dict[str, list[float]] = defaultdict(list)
        self.errors: list[str] = []
        self.decided = self.again = 0

    async def run(self, browser, url: str, wait: float, minutes: float) -> None:
        await asyncio.sleep(wait)
        context = await browser.new_context(viewport={"width": 1280, "height": 900})
        page = self.page = await context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: self.errors.append(f"script: {error}"))
        page.on("console", self._console)
        try:
            await self._timed(
                "first page", self._open(page, f"{url}/review?project=large", ".st-key-review_picture img")
            )
            until = time.monotonic() + 60 * minutes
            mapped = until - 30 * minutes if self.mapped else float("inf")
            while time.monotonic() < until:
                await asyncio.sleep(self.chance.uniform(0.5, 1.5) * self.pause)
                if time.monotonic() > mapped:
                    mapped = float("inf")
                    await self._timed("map", self._follow(page, "Map", ".st-key-map_tiles [role=option]"))
                    await self._back(page)
                    continue
                await self._act(page)
                await self._check(page)
        except Error as error:
            self.errors.append(str(error))
            if shots := os.environ.get("SHOTS"):
                await page.screenshot(path=f"{shots}/{id(self)}.png")
        finally:
            with contextlib.suppress(Error):
                await context.close()

    async def _act(self, page: Page) -> None:
        dice = self.chance.random()
        if dice < 0.75:
            await self._timed("decision", self._decide(page))
        elif dice < 0.9:
            await self._timed("data page", self._follow(page, "Data", ".st-key-look [role=option]"))
            await self._timed("thumbnails", self._turn(page))
            await self._back(page)
        else:
            title, there = self.chance.choice(
                [("Prune", ".st-key-prune_saved"), ("Export", ".st-key-export_path_half_csv")]
            )
            await self._timed("other page", self._follow(page, title, there))
            await self._back(page)

    async def _back(self, page: Page) -> None:
        await self._timed("review page", self._follow(page, "Review", ".st-key-review_picture img"))

    async def _decide(self, page: Page) -> None:
        """A key, until the next picture is there; the decision is on the disk by then."""
        picture = page.locator(".st-key-review_picture img").first
        before = await picture.get_attribute("src")
        # Somebody else may have taken the suggestion already: then there is none to accept.
        open_ = await page.locator(".st-key-review_accept button:not([disabled])").count()
        key = self.chance.choice("kax" if open_ else "kx")
        changed = "was => { const i = document.querySelector('.st-key-review_picture img'); return i && i.src !== was }"
        await page.keyboard.press(key)
        try:
            await page.wait_for_function(changed, arg=before, polling=50, timeout=AGAIN)
        except Error:
            self.again += 1
            await page.keyboard.press(key)
            await page.wait_for_function(changed, arg=before, polling=50)
        self.decided += 1

    async def _turn(self, page: Page) -> None:
        tile = page.locator(".st-key-look [role=option] img").first
        before = await tile.get_attribute("src")
        await page.get_by_role("button", name="Next page").or_(page.get_by_label("Next")).first.click()
        for _ in range(600):
            if await tile.get_attribute("src") != before:
                return
            await asyncio.sleep(0.05)
        raise Error("the next page of thumbnails did not come")

    async def _open(self, page: Page, url: str, there: str) -> None:
        await page.goto(url)
        await page.locator(there).first.wait_for()

    async def _follow(self, page: Page, title: str, there: str) -> None:
        await page.get_by_test_id("stSidebarNavLink").filter(has_text=title).click()
        await page.locator(there).first.wait_for()

    async def _timed(self, kind: str, action) -> None:
        started = time.monotonic()
        try:
            await action
            await self.page.locator(QUIET).wait_for()
        except Error as error:
            raise Error(f"{kind}: {str(error).splitlines()[0]} {str(error).splitlines()[-1].strip()}") from error
        self.took[kind].append(time.monotonic() - started)

    async def _check(self, page: Page) -> None:
        for name in ("stException", "stAlertContentError"):
            if await page.locator(f'[data-testid="{name}"]').count():
                self.errors.append(await page.locator(f'[data-testid="{name}"]').first.inner_text())

    def _console(self, message) -> None:
        probing = message.location.get("url", "").endswith(("/_stcore/health", "/_stcore/host-config"))
        if message.type == "error" and not probing:
            self.errors.append(f"console: {message.text}")


async def crowd(url: str, sessions: int, mapped: int, minutes: float, pause: float) -> tuple[list[Session], list[int]]:
    server, memory = server_of(url), []
    people = [Session(number, pause, number < mapped) for number in range(sessions)]
    found = shutil.which("chromium") or shutil.which("google-chrome")
    async with async_playwright() as playwright:
        drawing = await playwright.chromium.launch(executable_path=found, args=FLAGS)
        plain = await playwright.chromium.launch(executable_path=found, args=[*PLAIN])
        works = []
        for number, person in enumerate(people):
            wait = min(ARRIVE, 3 * sessions) * number / sessions
            works.append(person.run(drawing if person.mapped else plain, url, wait, minutes))
        work = asyncio.gather(*works)
        while not work.done():
            memory.append(server.memory_info().rss)
            await asyncio.wait([work], timeout=1)
        await work
        await drawing.close()
        await plain.close()
    return people, memory


def numbers(took: list[float]) -> dict:
    return {
        "n": len(took),
        "median": round(float(np.median(took)), 2),
        "p95": round(float(np.quantile(took, 0.95)), 2),
        "max": round(max(took), 2),
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.load")
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--mapped", type=int, default=2, help="how many of them open the map")
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--items", type=int, default=50_000)
    parser.add_argument("--pause", type=float, default=2.0, help="mean seconds between two clicks of a person")
    parser.add_argument("--keep", type=Path, help="folder to make the project in, or to find it in again")
    asked = parser.parse_args()
    with contextlib.ExitStack() as stack:
        top = asked.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="load-")))
        top.mkdir(exist_ok=True)
        if not (top / "home" / "large").exists():
            project(top, asked.items)
        log = DecisionLog(top / "home" / "large")
        before = len(log.all())
        url = stack.enter_context(app(env={"WINNOW_HOME": str(top / "home"), "WINNOW_ROOTS": str(top)}))
        server = server_of(url)
        idle = server.memory_info().rss
        cpu, started = server.cpu_times(), time.monotonic()
        people, memory = asyncio.run(crowd(url, asked.sessions, asked.mapped, asked.minutes, asked.pause))
        spent = server.cpu_times()
        busy = spent.user + spent.system - cpu.user - cpu.system
        seconds = time.monotonic() - started
        transfers = measure(url, top / "home", 500)
        took: dict[str, list[float]] = defaultdict(list)
        for person in people:
            for kind, values in person.took.items():
                took[kind] += values
        errors = [error for person in people for error in person.errors]
        answered, stored = sum(person.decided for person in people), len(log.all()) - before
        clicks = [value for kind, values in took.items() if kind != "first page" for value in values]
        print(
            json.dumps(
                {
                    "sessions": asked.sessions,
                    "of them on the map": asked.mapped,
                    "minutes": asked.minutes,
                    "items": asked.items,
                    "cores": psutil.cpu_count(),
                    "interactions": numbers(clicks),
                    "by kind": {kind: numbers(values) for kind, values in sorted(took.items())},
                    "server MB": {
                        "idle": idle // 10**6,
                        "median": int(np.median(memory)) // 10**6,
                        "peak": max(memory) // 10**6,
                    },
                    "server's share of one core": round(busy / seconds, 2),
                    "decisions": {"answered": answered, "stored": stored},
                    "keys pressed twice": sum(person.again for person in people),
                    "500 MB": transfers,
                    "errors": errors,
                },
                indent=1,
            )
        )
    return 1 if errors or stored < answered else 0


if __name__ == "__main__":
    sys.exit(main())
