"""With [auth] every page and every address that holds data asks for a login, and nobody sees another's projects.

A provider of logins runs in the test; the app and the browser are the real ones.
"""

import http.client
import json
import shutil
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.app.browser import Visit, app, chromium
from tests.app.oidc import CLIENT, SECRET, provider

ADA, BOB, EVE = "ada@lab.example", "bob@lab.example", "eve@elsewhere.example"
TOKEN = "0123456789abcdef" * 2
OWN = {"X-Winnow": "upload"}


@pytest.fixture(scope="module")
def house(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("house")


@pytest.fixture(scope="module")
def served(house):
    with provider([ADA, BOB, EVE]) as issuer:
        (house / "secrets.toml").write_text(
            f"""[auth]
redirect_uri = "http://127.0.0.1:{{port}}/oauth2callback"
cookie_secret = "drawn at random, for this test only"
client_id = "{CLIENT}"
client_secret = "{SECRET}"
server_metadata_url = "{issuer}/.well-known/openid-configuration"
"""
        )
        env = {
            "WINNOW_HOME": str(house / "home"),
            "WINNOW_ROOTS": "",
            "WINNOW_USERS": "@lab.example",
            "STREAMLIT_SECRETS_FILES": str(house / "secrets.toml"),
        }
        with app(env=env) as url:
            yield url


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def ada(served, browser):
    return entered(browser, served, ADA)


@pytest.fixture(scope="module")
def bob(served, browser):
    return entered(browser, served, BOB)


def entered(browser, url: str, mail: str) -> Visit:
    visit = Visit(browser, url)
    visit.tab.locator(".st-key-login_None button").click()
    visit.tab.get_by_role("link", name=mail).click()
    visit.tab.locator("[data-testid=stApp]").wait_for()
    visit.settle()
    return visit


def cookies(visit: Visit) -> dict[str, str]:
    return {"Cookie": "; ".join(f"{c['name']}={c['value']}" for c in visit.tab.context.cookies())}


def ask(url: str, method: str, path: str, body=None, **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    try:
        connection.request(method, path, body=body, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def homes(house: Path) -> list[Path]:
    return sorted((house / "home" / ".users").iterdir())


def project(home: Path, name: str) -> Path:
    """A project of somebody's with one exported file."""
    folder = home / name
    (folder / "export" / "k1").mkdir(parents=True)
    (folder / "exports").mkdir()
    (folder / "winnow.json").write_text('{"format": 1}')
    (folder / "recipe.toml").write_text('[source]\nuse = "sample"\n')
    (folder / "exports" / "kept.csv").write_text("id\n")
    (folder / "export" / "k1" / "card.json").write_text(json.dumps({"exports": [str(folder / "exports/kept.csv")]}))
    return folder


@pytest.mark.browser
def test_no_page_is_drawn_before_the_login(served, browser):
    visit = Visit(browser, served)
    for page in ("", "map", "review", "prune", "verify", "export", "methods", "?project=hers"):
        visit.tab.goto(f"{served}/{page}")
        visit.tab.locator(".st-key-login_None button").wait_for()
        assert visit.tab.locator("[data-testid=stSidebarNavLink]").count() == 0, page
        shown = visit.tab.locator("[data-testid=stMain]").inner_text()
        assert shown.split("\n\n")[-1] == "Log in", page
    visit.tab.context.close()


@pytest.mark.browser
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", f"/winnow/upload/{TOKEN}/a/x.png"),
        ("GET", "/winnow/download/hers/k1/0"),
        ("GET", "/media/0123.png"),
        ("PUT", "/_stcore/upload_file/session/file"),
        ("GET", "/_stcore/metrics"),
    ],
)
def test_no_address_that_holds_data_answers_without_the_login(served, house, ada, method, path):
    mine = dict(part.split("=", 1) for part in cookies(ada)["Cookie"].split("; "))
    content, rest = mine["_streamlit_user"].strip('"').split(".", 1)
    forged = {"Cookie": f"_streamlit_user={content[:-6]}AAAAAA.{rest}"}
    for headers in ({}, forged, {"Cookie": "_streamlit_user=" + json.dumps({"is_logged_in": True, "sub": "x"})}):
        assert ask(served, method, path, b"x", **OWN, **headers)[0] == 401
    assert ask(served, method, path, b"x", **OWN, **cookies(ada))[0] != 401
    shutil.rmtree(house / "home" / ".users", ignore_errors=True)


@pytest.mark.browser
def test_each_has_a_home_of_their_own_and_no_way_into_the_others(served, house, browser, ada, bob):
    for who, name in ((ada, "a"), (bob, "b")):
        status, _ = ask(served, "PUT", f"/winnow/upload/{TOKEN}/{name}/x.png", b"x", **OWN, **cookies(who))
        assert status == 201
    first, second = homes(house)
    hers, his = (first, second) if (first / ".uploads" / TOKEN / "a").exists() else (second, first)
    assert (his / ".uploads" / TOKEN / "b" / "x.png").exists()
    project(hers, "hers")

    assert ask(served, "GET", "/winnow/download/hers/k1/0", **cookies(ada)) == (200, b"id\n")
    assert ask(served, "GET", "/winnow/download/hers/k1/0", **cookies(bob)) == (404, b"there is no such export")
    for path in (f"..%2f{hers.name}%2fhers/k1/0", f".users%2f{hers.name}%2fhers/k1/0"):
        assert b"id\n" not in ask(served, "GET", f"/winnow/download/{path}", **cookies(bob))[1]

    for who, sees in ((ada, True), (bob, False)):
        who.tab.goto(f"{served}/")
        who.settle()
        assert who.tab.locator(".st-key-recent_open_hers").count() == sees
        who.tab.goto(f"{served}/?project=hers")
        who.settle()
        assert (who.tab.locator(".st-key-sidebar_project").count() > 0) == sees
        for name in (f".users/{hers.name}/hers", f"../{hers.name}/hers"):
            who.tab.goto(f"{served}/export?project={name}")
            who.settle()
            assert who.tab.locator(".st-key-sidebar_project").count() == 0 or sees

    bob.tab.goto(f"{served}/")
    bob.settle()
    bob.tab.locator("[data-testid=stButtonGroup] button", has_text="Path on the server").click()
    field = bob.tab.locator(".st-key-own_path input")
    for path in (hers / "hers" / "exports" / "kept.csv", house / "secrets.toml"):
        field.fill(str(path))
        field.press("Enter")
        bob.tab.get_by_text("outside the folders this app may read").wait_for()
        bob.tab.get_by_text(path.name).first.wait_for()


@pytest.mark.browser
def test_who_is_not_among_the_users_stays_outside(served, browser):
    visit = entered(browser, served, EVE)
    visit.tab.get_by_text("may not use this server").wait_for()
    assert ask(served, "GET", "/winnow/download/hers/k1/0", **cookies(visit))[0] == 401
    visit.tab.locator(".st-key-logout button").click()
    visit.tab.locator(".st-key-login_None button").wait_for()
    visit.tab.context.close()


@pytest.mark.browser
def test_who_logs_out_is_outside_again(served, browser):
    visit = entered(browser, served, BOB)
    shown = visit.tab.locator(".st-key-sidebar_account").inner_text()
    assert BOB in shown.replace("\u2060", "")  # it keeps an address from becoming a link
    visit.tab.locator(".st-key-logout button").click()
    visit.tab.locator(".st-key-login_None button").wait_for()
    assert ask(served, "GET", "/winnow/download/hers/k1/0", **cookies(visit))[0] == 401
    visit.tab.context.close()
