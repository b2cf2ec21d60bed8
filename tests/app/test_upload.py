"""Uploads and downloads: the app's own routes over HTTP, and the drop zone in a real browser. One server for all."""

import base64
import http.client
import io
import json
import shutil
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import psutil
import pytest
from PIL import Image

from curation.errors import SourceError
from curation.ui.start.upload import Uploaded, uploaded
from tests.app.browser import Visit, app, chromium

TOKEN = "0123456789abcdef" * 2
OWN = {"X-Winnow": "upload"}


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def served(home):
    with app(env={"WINNOW_HOME": str(home), "WINNOW_ROOTS": str(home), "WINNOW_MAX_UPLOAD_MB": "400"}) as url:
        yield url


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


def ask(url: str, method: str, path: str, body=None, headers=None) -> tuple[int, bytes]:
    """One request with the path exactly as given: no library tidies `..` away."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def put(url: str, path: str, body: bytes = b"x", **headers: str) -> tuple[int, bytes]:
    return ask(url, "PUT", f"/winnow/upload/{path}", body, {**OWN, **headers})


def png(value: int = 0) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.full((8, 8), value, np.uint8)).save(out, "PNG")
    return out.getvalue()


# -- the routes ------------------------------------------------------------------------------------------------


def test_a_file_lands_under_its_token_and_nowhere_else(served, home):
    assert put(served, f"{TOKEN}/a1/cats/caf%C3%A9.png", b"meow")[0] == 201
    assert (home / ".uploads" / TOKEN / "a1" / "cats" / "café.png").read_bytes() == b"meow"
    assert not list((home / ".uploads").rglob("*.part"))


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Winnow": ""},
        {"Origin": "http://evil.example"},
        {"Host": "evil.example"},
        {"Host": "evil.example", "Origin": "http://evil.example"},
    ],
)
def test_another_site_can_neither_upload_nor_download(served, home, headers):
    assert put(served, f"{TOKEN}/a2/x.png", **headers)[0] == 403
    assert not (home / ".uploads" / TOKEN / "a2").exists()
    if "Host" in headers:
        assert ask(served, "GET", "/winnow/download/p/k/0", headers=headers)[0] == 403


@pytest.mark.parametrize(
    "path",
    [
        f"{TOKEN}/../../evil.png",
        f"{TOKEN}/%2e%2e/%2e%2e/evil.png",
        f"{TOKEN}/..%2f..%2fevil.png",
        f"{TOKEN}/a/..%5c..%5cevil.png",
        f"{TOKEN}/a/.hidden",
        f"{TOKEN}/a/b%00.png",
        f"{TOKEN}/1/2/3/4/5/6/7/8/9.png",
        f"{TOKEN}/{'n' * 201}.png",
        f"{TOKEN[:-1]}/a/x.png",
        f"{'g' * 32}/a/x.png",
        "%2e%2e/a/x.png",
    ],
)
def test_no_path_leaves_the_folder_of_the_upload(served, home, path):
    before = {p for p in home.rglob("*") if p.is_file()}
    assert put(served, path)[0] in (400, 403, 404, 405)
    assert {p for p in home.rglob("*") if p.is_file()} == before


def test_a_file_over_the_limit_is_refused_in_words_and_leaves_nothing(served, home):
    connection = http.client.HTTPConnection(urlsplit(served).netloc, timeout=30)
    connection.request("PUT", f"/winnow/upload/{TOKEN}/a3/big.zip", (b"0" * 1_000_000 for _ in range(401)), OWN)
    answer = connection.getresponse()
    assert answer.status == 413
    assert json.loads(answer.read())["error"] == "big.zip is larger than 400 MB, the limit for one file"
    assert not list((home / ".uploads" / TOKEN / "a3").iterdir())


def test_an_export_can_be_loaded_by_its_number_and_nothing_else_can(served, home):
    folder = home / "pets" / "export" / "k1"
    folder.mkdir(parents=True)
    (home / "pets" / "winnow.json").write_text('{"format": 1}')
    written = home / "pets" / "exports" / "half & more.csv"
    written.parent.mkdir()
    written.write_text("id\n")
    (folder / "card.json").write_text(json.dumps({"exports": [str(written), str(home / "gone.csv")]}))
    assert ask(served, "GET", "/winnow/download/pets/k1/0") == (200, b"id\n")
    for path in ("pets/k1/1", "pets/k1/2", "pets/k2/0", "dogs/k1/0", "pets/..%2f..%2fpets/0", "%2e%2e/k1/0"):
        assert ask(served, "GET", f"/winnow/download/{path}")[0] in (400, 404), path
    assert ask(served, "GET", "/winnow/download/pets/k1/0", headers={"Sec-Fetch-Site": "cross-site"})[0] == 403
    shutil.rmtree(home / "pets")


# -- what arrived ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "kind", "name", "title"),
    [
        (["flowers.tar.gz"], "archive", "flowers.tar.gz", "flowers"),
        (["run.npz"], "arrays", "run.npz", "run"),
        (["pets/cat/1.png", "pets/dog/2.png"], "folder", "pets", "pets"),
        (["1.png", "2.png"], "folder", "", "upload"),
        (["one.png"], "folder", "", "upload"),
        (["labels.csv", "1.png", "2.png"], "table", "labels.csv", "labels"),
        (["a.csv", "b.csv", "1.png"], "folder", "", "upload"),
    ],
)
def test_what_arrived_is_recognised_by_its_names(empty_home, files, kind, name, title):
    folder = empty_home / ".uploads" / TOKEN / "a1"
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(b"x")
    assert uploaded(TOKEN, "a1") == Uploaded(folder / name if name else folder, kind, title)


@pytest.mark.parametrize("attempt", ["a2", "..", "../a1", ""])
def test_an_attempt_that_stored_nothing_is_refused(empty_home, attempt):
    (empty_home / ".uploads" / TOKEN / "a1").mkdir(parents=True)
    with pytest.raises(SourceError, match="the upload did not arrive"):
        uploaded(TOKEN, attempt)


# -- the drop zone ---------------------------------------------------------------------------------------------


def classes(folder: Path) -> Path:
    for name, value in (("dark", 20), ("light", 220)):
        (folder / name).mkdir(parents=True)
        for i in range(6):
            (folder / name / f"{i}.png").write_bytes(png(value + i))
    return folder


def drop(visit: Visit, path: Path) -> None:
    """Drop one file on the zone, as far as a script can: without the browser's own entry of it."""
    make = """([name, content]) => {
      const data = new DataTransfer();
      data.items.add(new File([Uint8Array.from(atob(content), (c) => c.charCodeAt(0))], name));
      return data;
    }"""
    data = visit.tab.evaluate_handle(make, [path.name, base64.b64encode(path.read_bytes()).decode()])
    visit.tab.locator(".drop").dispatch_event("drop", {"dataTransfer": data})


def read(visit: Visit) -> str:
    """Wait for the first look, and return what stands there."""
    visit.tab.wait_for_selector(".wn-metrics", timeout=60_000)
    visit.settle()
    return visit.tab.locator(".wn-metrics").first.inner_text()


@pytest.mark.browser
def test_a_zip_becomes_a_project_and_its_upload_goes_with_it(served, home, browser, tmp_path):
    classes(tmp_path / "pets")
    with zipfile.ZipFile(tmp_path / "pets.zip", "w") as archive:
        for path in sorted((tmp_path / "pets").rglob("*.png")):
            archive.write(path, path.relative_to(tmp_path))
    visit = Visit(browser, served)
    drop(visit, tmp_path / "pets.zip")
    assert "Items\n12\nClasses\n2" in read(visit)
    assert visit.tab.url.endswith("?project=pets")
    visit.tab.locator(".st-key-project_menu button").click()
    visit.tab.get_by_text("Close this project").click()
    visit.tab.locator(".st-key-recent_delete_pets button").click()
    visit.tab.locator(".st-key-delete_yes button").click()
    visit.tab.locator(".st-key-recent_delete_pets").wait_for(state="detached")
    assert not (home / "pets").exists()
    assert not list((home / ".uploads").rglob("pets.zip"))
    visit.quiet()


@pytest.mark.browser
def test_what_is_no_dataset_is_one_sentence_and_a_folder_chosen_next_keeps_its_classes(served, home, browser, tmp_path):
    (tmp_path / "letter.docx").write_text("hello")
    visit = Visit(browser, served)
    visit.tab.locator("input.pick-files").set_input_files(tmp_path / "letter.docx")
    alert = visit.tab.locator('[data-testid="stAlert"]')
    alert.wait_for()
    assert "'letter.docx' is not a kind of data Winnow reads" in alert.inner_text()
    assert not list((home / ".uploads").rglob("letter.docx"))
    visit.settle()
    visit.tab.locator("input.pick-folder").set_input_files(classes(tmp_path / "shades"))
    assert "Items\n12\nClasses\n2" in read(visit)
    visit.quiet()


@pytest.mark.browser
def test_an_upload_can_be_stopped_and_costs_the_server_no_memory(served, home, browser, tmp_path):
    for name, size in (("big.tar", 300_000_000), ("huge.tar", 412_000_000)):
        with (tmp_path / name).open("wb") as out:
            out.truncate(size)
    server = next(
        p for p in psutil.process_iter(["cmdline"]) if str(urlsplit(served).port) in (p.info["cmdline"] or [])
    )
    visit = Visit(browser, served)
    line = visit.tab.context.new_cdp_session(visit.tab)
    line.send("Network.enable")
    limits = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 50_000_000}
    line.send("Network.emulateNetworkConditions", limits)
    visit.tab.locator("input.pick-files").set_input_files(tmp_path / "huge.tar")
    visit.tab.locator(".state", has_text="huge.tar has 412.0 MB; the limit for one file is 400.0 MB.").wait_for()
    before = server.memory_info().rss
    visit.tab.locator("input.pick-files").set_input_files(tmp_path / "big.tar")
    visit.tab.locator(".state", has_text="of 300.0 MB").wait_for()
    visit.tab.wait_for_timeout(1500)
    assert server.memory_info().rss - before < 40_000_000
    visit.tab.locator("button.stop").click()
    visit.tab.locator(".state", has_text="Stopped.").wait_for()
    visit.tab.wait_for_timeout(300)
    assert not [p for p in (home / ".uploads").rglob("*") if "big.tar" in p.name]
    visit.quiet()
