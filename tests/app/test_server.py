"""Whom the server answers, what it sends out, how much memory a file takes, and what a killed server has lost."""

import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from curation.data.decisions import DecisionLog
from tests.app.browser import ROOT, Visit, chromium, free_port
from tests.app.browser import app as serving
from tests.load.transfer import measure, server_of


@pytest.fixture(scope="module")
def house(tmp_path_factory, built) -> Path:
    folder = tmp_path_factory.mktemp("house")
    shutil.copytree(built, folder / "digits")
    return folder


@pytest.fixture(scope="module")
def served(house):
    with serving(env={"WINNOW_HOME": str(house), "WINNOW_ROOTS": str(house)}) as url:
        yield url


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


def ask(url: str, method: str, path: str, **headers: str) -> int:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    try:
        connection.request(method, path, headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()


# -- whom it answers -------------------------------------------------------------------------------------------


def test_started_from_anywhere_it_listens_on_this_machine_only(tmp_path):
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "app.py"), "--server.port", str(port)]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "WINNOW_HOME": str(tmp_path)}
    command += ["--server.headless", "true"]
    with subprocess.Popen(command, cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        deadline = time.monotonic() + 60
        listening = []
        while not listening and time.monotonic() < deadline:
            time.sleep(0.1)
            listening = [c for c in psutil.Process(process.pid).net_connections("tcp") if c.status == "LISTEN"]
        process.terminate()
    assert {c.laddr.ip for c in listening} == {"127.0.0.1"}


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "10.0.0.7", "localhost.evil.example:80", ""]
)
def test_no_other_name_may_stand_for_this_server(served, host):
    """DNS rebinding: a site points its own name at 127.0.0.1 and reads the app as if it were its own."""
    for path in ("/", "/map", "/media/x.png", "/winnow/download/digits/k/0", "/_stcore/host-config"):
        assert ask(served, "GET", path, Host=host) in (400, 403), path


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({}, 101),
        ({"Origin": "http://evil.example"}, 403),
        ({"Host": "evil.example"}, 403),
        ({"Host": "evil.example", "Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_the_websocket_opens_for_the_apps_own_page_only(served, changed, status):
    shake = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Host": urlsplit(served).netloc,
        "Origin": served,
    }
    assert ask(served, "GET", "/_stcore/stream", **{**shake, **changed}) == status


def test_an_upload_of_streamlits_own_needs_its_token(served):
    assert ask(served, "PUT", "/_stcore/upload_file/session/file") == 403


@pytest.mark.browser
def test_a_visit_asks_no_other_machine_for_anything(browser, served):
    visit = Visit(browser, f"{served}/methods")
    asked: set[str] = set()
    visit.tab.on("request", lambda request: asked.add(urlsplit(request.url).netloc))
    for page in ("", "map?project=digits", "review?project=digits"):
        visit.tab.goto(f"{served}/{page}")
        visit.settle()
    visit.quiet()
    assert asked - {"", urlsplit(served).netloc} == set()


# -- what it holds ---------------------------------------------------------------------------------------------


def test_a_large_file_takes_no_memory_in_either_direction(served, house):
    made = measure(served, house, 150)  # `make load` does it with 500 MB
    assert made["upload"]["extra_mb"] < 60
    assert made["download"]["extra_mb"] < 60


# -- when something happens to it ------------------------------------------------------------------------------


@pytest.mark.browser
def test_a_server_killed_right_after_the_answer_has_lost_no_decision(browser, served, house, project_home):
    with serving(env={"WINNOW_HOME": str(project_home)}) as url:
        visit = Visit(browser, f"{url}/review?project=digits")
        visit.tab.locator(".st-key-review_picture img").wait_for()
        visit.tab.keyboard.press("x")
        visit.tab.get_by_text(re.compile(r"^1 of [\d,]+ decided")).first.wait_for()
        os.kill(server_of(url).pid, signal.SIGKILL)
        visit.tab.context.close()
    assert [d.action for d in DecisionLog(project_home / "digits").all()] == ["drop"]
    shutil.copytree(project_home / "digits", house / "after")
    visit = Visit(browser, f"{served}/review?project=after")  # another server
    visit.tab.get_by_text(re.compile(r"^1 of [\d,]+ decided")).first.wait_for()
    visit.quiet()


@pytest.mark.browser
def test_a_project_removed_while_it_is_open_is_said_and_does_not_come_back(browser, served, house):
    shutil.copytree(house / "digits", house / "going")
    visit = Visit(browser, f"{served}/review?project=going")
    visit.tab.locator(".st-key-review_picture img").wait_for()
    shutil.rmtree(house / "going")
    visit.tab.keyboard.press("x")
    visit.tab.get_by_text("is gone").or_(visit.tab.get_by_text("Choose a dataset")).first.wait_for()
    visit.settle()
    visit.quiet()
    assert not (house / "going").exists()


def test_a_project_of_a_newer_winnow_is_said_and_left_alone(project_home, app):
    marker = project_home / "digits" / "winnow.json"
    marker.write_text(json.dumps({"format": 99}))
    page = app("data", project="digits")
    assert not page.exception
    assert "newer Winnow" in page.error[0].value
    assert json.loads(marker.read_text()) == {"format": 99}
