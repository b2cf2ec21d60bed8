"""The package as pip installs it: built, put into an environment outside the checkout, and opened in a browser."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import psutil
import pyarrow.csv as pc
import pytest

from curation.data.budget import budget
from curation.data.decisions import DecisionLog, fold
from tests.app.browser import ROOT, Visit, chromium, free_port, serving

SLOW = 240_000  # milliseconds a job may take on a loaded machine
PAGES = sorted(path.stem for path in (ROOT / "curation/ui/pages").glob("[!_]*.py"))


@pytest.fixture(scope="module")
def commands(tmp_path_factory) -> Path:
    """Where the commands of a fresh environment lie: the wheel alone is in it, what the wheel needs is taken from the
    environment of the tests."""
    folder = tmp_path_factory.mktemp("installed")
    source = folder / "source"
    shutil.copytree(ROOT / "curation", source / "curation", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    checked([*pip, "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, source])
    shutil.rmtree(source)
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "env", with_pip=False, symlinks=True)
    checked([*pip, "--python", folder / "env/bin/python", "install", "--quiet", "--no-deps", wheel])
    (packages,) = (folder / "env/lib").glob("python*/site-packages")
    (packages / "tests.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "env/bin"


@pytest.fixture
def elsewhere(tmp_path) -> Path:
    """A folder that is nobody's checkout, with files in it that no command may import and settings it may not heed."""
    for name in ("typer", "streamlit", "curation", "numpy"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('imported from the folder somebody stood in')")
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit/config.toml").write_text('[server]\naddress = "0.0.0.0"\nallowedHosts = ["evil.example"]\n')
    return tmp_path


def around(**more: str) -> dict[str, str]:
    """This environment without what would lead back into the checkout."""
    ours = ("PYTHONPATH", "WINNOW_", "STREAMLIT_")
    return {k: v for k, v in os.environ.items() if not k.startswith(ours)} | {"STREAMLIT_SERVER_HEADLESS": "1"} | more


def ask(port: int, host: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    with contextlib.closing(connection):
        connection.request("GET", "/", headers={"Host": f"{host}:{port}"})
        return connection.getresponse().status


def checked(command, **rest) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **rest)
    assert done.returncode == 0, done.stderr[-2000:] or done.stdout[-2000:]
    return done.stdout


def test_the_commands_work_in_any_folder(commands, elsewhere):
    shutil.copy(ROOT / "recipes/digits.toml", elsewhere)
    for command, said in {
        ("methods", "pruners"): "k-center",
        ("plan", "digits.toml"): "source sample",
        ("run", "digits.toml", "--until", "source"): "1 of 1 steps computed",
        ("show", "workspaces/digits"): "source",
    }.items():
        assert said in checked([commands / "winnow", *command], cwd=elsewhere, env=around(COLUMNS="200")), command


@pytest.mark.browser
@pytest.mark.slow
def test_from_the_sample_to_a_manifest_in_the_browser_and_every_page_is_there(commands, elsewhere):
    """The whole way: quickstart, a lasso on the map, a review by keys, prune, verify, export, the manifest."""
    port = free_port()
    command = [str(commands / "winnow"), "quickstart", "--port", str(port)]
    names = around(STREAMLIT_SERVER_ALLOWED_HOSTS="winnow.example 127.0.0.1")
    folder = elsewhere / "workspaces" / "digits"
    with serving(command, port, folder=elsewhere, env=names, wait=240) as url, chromium() as browser:
        heard = {c.laddr.ip for c in psutil.net_connections("tcp") if c.status == "LISTEN" and c.laddr.port == port}
        assert heard == {"127.0.0.1"}
        asked = {host: ask(port, host) for host in ("winnow.example", "127.0.0.1", "localhost", "evil.example")}
        assert asked == {"winnow.example": 200, "127.0.0.1": 200, "localhost": 403, "evil.example": 403}

        # data: the sample is open, and the analysis comes by itself
        visit = Visit(browser, url)
        tab = visit.tab
        assert tab.url.endswith("?project=digits")
        tab.get_by_text("train labels were made wrong on purpose").wait_for(timeout=SLOW)
        tab.get_by_text("It is being computed").wait_for(state="detached", timeout=SLOW)
        tab.get_by_text("What the analysis found").wait_for(timeout=SLOW)
        visit.settle()
        visit.quiet()

        # map: a lasso selects, the gallery follows, the selection survives pages
        part(tab, ".st-key-open_map button").click()
        part(tab, ".st-key-map_box .count").wait_for(timeout=SLOW)
        visit.settle()
        visit.lasso(part(tab, ".st-key-map_box canvas"), [(0.05, 0.05), (0.95, 0.05), (0.95, 0.95), (0.05, 0.95)])
        chip = part(tab, ".st-key-map_clear button")
        chip.wait_for(timeout=60_000)
        visit.settle()
        selected = int(chip.inner_text().split()[0].replace(",", ""))
        assert 0 < selected <= 1797
        visit.quiet()

        # review: keys decide, on the disk when the next item is there
        follow(visit, "Review")
        part(tab, ".st-key-review_keep button").wait_for(timeout=60_000)
        log = DecisionLog(folder)
        for number, key in enumerate("aukx", start=1):
            tab.keyboard.press(key)
            wait_until(tab, lambda number=number: len(log.all()) == number)
            visit.settle()
        visit.quiet()
        decided = fold(log.all())
        assert (len(decided.labels), len(decided.confirmed), len(decided.dropped)) == (0, 1, 1)
        (dropped,) = decided.dropped

        # prune: the hybrid asks students, so a job computes it; then save the subset that is shown
        follow(visit, "Prune")
        part(tab, ".st-key-prune_compute_a button").click(timeout=60_000)
        part(tab, ".st-key-prune_save_a button").click(timeout=SLOW)
        part(tab, ".st-key-prune_saved").wait_for(timeout=60_000)
        visit.settle()

        # verify: a job trains
        follow(visit, "Verify")
        part(tab, ".st-key-verify_run button").click(timeout=60_000)
        part(tab, ".st-key-verify_csv button").wait_for(timeout=SLOW)
        visit.settle()
        visit.quiet()

        # export: a manifest with a reason for every item
        follow(visit, "Export")
        part(tab, ".st-key-export button").click(timeout=60_000)
        part(tab, ".st-key-written").wait_for(timeout=SLOW)
        visit.settle()
        visit.quiet()

        for page in PAGES:
            tab.goto(f"{url}/{'' if page == 'data' else page}?project=digits")
            visit.settle()
            visit.quiet()
            assert tab.locator("h1, h2, h3").first.inner_text(), page
    assert sorted(path.name for path in elsewhere.iterdir() if path.is_dir()) == [".streamlit", "workspaces"]

    (path,) = (folder / "exports").glob("*.csv")
    rows = {row["id"]: row for row in pc.read_csv(path).to_pylist()}
    assert len(rows) == 1797
    assert sum(r["kept"] for r in rows.values() if r["split"] == "train") == budget(0.5, 1437)
    assert all(r["reason"] for r in rows.values())
    assert not rows[dropped]["kept"]
    assert "dropped by hand" in rows[dropped]["reason"]
    assert path.with_name(path.name + ".recipe.toml").exists()


def test_what_the_server_was_started_on_is_open_until_it_is_closed(app, project_home, monkeypatch):
    monkeypatch.setenv("WINNOW_OPEN", "digits")
    page = app()
    assert page.session_state["project"] == "digits"
    page.menu_button("project_menu").click("\0close").run()
    assert page.session_state["project"] is None
    assert page.button("try_sample"), "the front page"


def test_the_front_page_asks_about_a_table_whose_columns_nobody_can_guess(app, empty_home, tmp_path, monkeypatch):
    table = tmp_path / "given.csv"
    table.write_text("a,b\nrose,1.png\n")
    monkeypatch.setenv("WINNOW_OPEN", str(table))
    page = app()
    assert page.text_input("own_path").value == str(table)
    assert page.selectbox("own_path_image").options == ["a", "b"]


@pytest.mark.parametrize("page", PAGES)
def test_every_page_of_the_package_stands_in_the_checkout_too(page):
    """`streamlit run app.py` finds its pages beside app.py."""
    assert (ROOT / f"pages/{page}.py").read_text().endswith(f"from curation.ui.pages.{page} import main\n\nmain()\n")


def test_the_settings_of_the_checkout_are_those_of_the_package():
    theirs, ours = ROOT / "curation/ui/.streamlit/config.toml", ROOT / ".streamlit/config.toml"
    assert ours.read_bytes() == theirs.read_bytes()


def part(tab, css: str):
    """One part of the page; while it is drawn again the old and the new one are there for a moment."""
    return tab.locator(css).first


def follow(visit: Visit, title: str) -> None:
    """A click in the menu."""
    visit.tab.get_by_test_id("stSidebarNavLink").filter(has_text=title).click()
    visit.tab.wait_for_timeout(300)
    visit.settle()


def wait_until(tab, true, seconds: float = 30) -> None:
    for _ in range(int(seconds * 10)):
        if true():
            return
        tab.wait_for_timeout(100)
    raise AssertionError(f"still not so after {seconds:.0f} s")
