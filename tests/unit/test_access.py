"""Who is let in: what a login's claims stand for, and that whatever cannot be decided lets nobody in."""

import json
from inspect import signature

import pytest
from starlette.requests import Request
from streamlit import config
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.secrets import secrets_singleton
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value

from curation.engine.recipe import parse_recipe
from curation.errors import AccessError, InputError, SourceError
from curation.ui.server import access, allowed_paths
from curation.ui.server.home import home

ADA = {"is_logged_in": True, "iss": "https://login.example", "sub": "7", "email": "Ada@Lab.example"}


@pytest.fixture
def secrets(tmp_path, monkeypatch):
    """`secrets(text)`: the app's secrets.toml; None when there is none."""
    path, before = tmp_path / "secrets.toml", config.get_option("secrets.files")
    monkeypatch.delenv("WINNOW_USERS", raising=False)

    def write(text: str | None) -> None:
        path.unlink(missing_ok=True)
        if text is not None:
            path.write_text(text)
        secrets_singleton._reset()

    config.set_option("secrets.files", [str(path)])
    write(None)
    yield write
    config.set_option("secrets.files", before)
    secrets_singleton._reset()


def test_without_auth_nobody_has_to_log_in(secrets):
    assert access.visitor() is None
    secrets('[other]\nkey = "x"\n')
    assert access.visitor() is None


def test_with_auth_nobody_is_in_who_did_not_log_in(secrets):
    secrets('[auth]\ncookie_secret = "drawn at random, and long"\n')
    with pytest.raises(AccessError, match="log in first"):
        access.visitor()


@pytest.mark.parametrize(
    ("text", "users", "said"),
    [
        ("[auth\n", "", "cannot be read"),
        ('[auth]\nclient_id = "x"\n', "", "needs a cookie_secret of at least 24"),
        ('[auth]\ncookie_secret = "xxx"\n', "", "needs a cookie_secret of at least 24"),
        (None, "ada@lab.example", "WINNOW_USERS is set but secrets.toml has no"),
    ],
)
def test_a_mistake_in_the_configuration_lets_nobody_in(secrets, monkeypatch, text, users, said):
    secrets(text)
    monkeypatch.setenv("WINNOW_USERS", users)
    with pytest.raises(AccessError, match=said):
        access.visitor()
    with pytest.raises(AccessError, match=said):
        home()


@pytest.mark.parametrize("missing", ["is_logged_in", "sub"])
def test_claims_without_a_login_or_a_subject_are_nobody(missing):
    with pytest.raises(AccessError):
        access.known({**ADA, missing: None})
    with pytest.raises(AccessError):
        access.known({k: v for k, v in ADA.items() if k != missing})


def test_a_person_is_issuer_and_subject_whatever_else_changes():
    key = access.known(ADA).key
    assert access.known({**ADA, "email": "ada@married.example", "name": "A"}).key == key
    assert access.known({**ADA, "sub": "8"}).key != key
    assert access.known({**ADA, "iss": "https://other.example"}).key != key
    assert access.known({**ADA, "iss": "https://login.example7"}).key != key


@pytest.mark.parametrize(
    ("users", "claims", "let_in"),
    [
        ("ada@lab.example", {}, True),
        ("bob@lab.example, ADA@LAB.example", {}, True),
        ("@lab.example", {}, True),
        ("@example", {}, False),
        ("lab.example", {}, False),
        ("bob@lab.example", {}, False),
        ("@lab.example", {"email": "eve@evil-lab.example"}, False),
        ("@lab.example", {"email": "eve@lab.example.evil"}, False),
        ("@lab.example", {"email": None}, False),
        ("@lab.example", {"email_verified": False}, False),
        ("", {"email": None}, True),
    ],
)
def test_only_users_that_were_named_come_in(monkeypatch, users, claims, let_in):
    monkeypatch.setenv("WINNOW_USERS", users)
    if let_in:
        assert access.known({**ADA, **claims})
        return
    with pytest.raises(AccessError, match="may not use this server"):
        access.known({**ADA, **claims})


# -- what the login changes of the folders ----------------------------------------------------------------------


@pytest.fixture
def ada(tmp_path, monkeypatch):
    """Ada's home beside another's; the folder with data is allowed to all."""
    monkeypatch.setenv("WINNOW_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WINNOW_ROOTS", str(tmp_path / "data"))
    monkeypatch.setattr(access, "visitor", lambda: access.Visitor("ada", "ada@lab.example"))
    for folder in ("data/flowers", "home/.users/ada/pets/exports", "home/.users/bob/secret/exports", "home/old"):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


def test_with_a_login_nobody_reads_in_anothers_home(ada, monkeypatch):
    assert home() == ada / "home" / ".users" / "ada"
    assert allowed_paths.allowed(f"{ada}/data/flowers")
    assert allowed_paths.allowed(f"{ada}/home/.users/ada/pets")
    monkeypatch.setenv("WINNOW_ROOTS", str(ada))  # even where a root holds them all
    (ada / "home" / ".users" / "ada" / "link").symlink_to(ada / "home" / ".users" / "bob")
    for path in (".users/bob", ".users/bob/secret", ".users", "old", "", ".users/ada/../bob", ".users/ada/link/secret"):
        with pytest.raises(SourceError, match="outside"):
            allowed_paths.allowed(f"{ada}/home/{path}")


def test_with_a_login_the_current_folder_and_the_secrets_are_not_read(ada, monkeypatch):
    (ada / "data" / ".streamlit").mkdir()
    (ada / "data" / ".streamlit" / "secrets.csv").write_text("")
    with pytest.raises(SourceError, match="outside"):
        allowed_paths.allowed(f"{ada}/data/.streamlit/secrets.csv")
    monkeypatch.delenv("WINNOW_ROOTS")
    monkeypatch.chdir(ada / "data")
    with pytest.raises(SourceError, match="outside"):
        allowed_paths.allowed("flowers")


def test_with_a_login_exports_go_to_ones_own_projects_only(ada):
    assert allowed_paths.target(f"{ada}/home/.users/ada/pets/exports/kept.csv")
    for path in ("data/kept.csv", "home/.users/bob/secret/exports/kept.csv", "home/.users/ada/pets/recipe.toml"):
        with pytest.raises(InputError):
            allowed_paths.target(f"{ada}/{path}")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"verify": {"use": "module", "path": "os:system"}}, "from the command line only"),
        ({"verify": {"use": "module_embeddings", "path": "os:system"}}, "from the command line only"),
        (
            {"condense": [{"use": "dm", "students": [{"use": "module", "path": "os:system"}]}]},
            "from the command line only",
        ),
        ({"source": {"use": "folder", "path": "{top}/home/.users/bob/secret"}}, "outside"),
        ({"source": {"use": "archive", "path": "/etc/hostname"}}, "outside"),
        ({"encode": {"use": "precomputed", "path": "{top}/home/.users/bob/secret"}}, "outside"),
        ({"evidence": {"probabilities": {"path": "{top}/home/.users/bob/secret"}}}, "outside"),
        ({"export": [{"use": "csv", "path": "{top}/data/kept.csv"}]}, "outside"),
    ],
)
def test_with_a_login_the_app_runs_no_code_and_no_file_from_outside(ada, change, said):
    filled = json.loads(json.dumps(change).replace("{top}", str(ada)))
    recipe = parse_recipe({"source": {"use": "sample"}, **filled})
    with pytest.raises(InputError, match=said):
        allowed_paths.check_recipe(recipe)


def test_the_sample_may_be_run_by_everyone(ada):
    allowed_paths.check_recipe(parse_recipe({"source": {"use": "sample"}, "verify": {"use": "head", "seeds": 1}}))


# -- the parts of Streamlit that are not public, which the guard stands on -----------------------------------------

LOGIN = '[auth]\ncookie_secret = "drawn at random, and long"\nredirect_uri = "https://winnow.example/oauth2callback"\n'


def request_with(**cookies: str) -> Request:
    header = "; ".join(f"{name}={value}" for name, value in cookies.items()).encode()
    return Request({"type": "http", "headers": [(b"cookie", header)]})


def test_a_cookie_that_streamlit_signed_is_read_and_any_other_is_nobody(secrets):
    secrets(LOGIN)
    name, claims = "_streamlit_user", {**ADA, "origin": "https://winnow.example"}
    signed = create_signed_value("drawn at random, and long", name, json.dumps(claims)).decode()
    assert access.claims_of(request_with(**{name: signed})) == ADA
    forged = create_signed_value("another secret", name, json.dumps(claims)).decode()
    for request in (request_with(), request_with(**{name: forged}), request_with(**{name: signed + "x"})):
        assert access.claims_of(request) == {}
    elsewhere = json.dumps({**claims, "origin": "https://evil.example"})
    signed = create_signed_value("drawn at random, and long", name, elsewhere).decode()
    assert access.claims_of(request_with(**{name: signed})) == {}


def test_what_the_app_takes_from_inside_streamlit_is_still_there():
    assert list(signature(access.sockets._get_signed_cookie_with_chunks).parameters) == ["cookies", "cookie_name"]
    assert list(signature(access.sockets._parse_decoded_user_cookie).parameters) == ["decoded_cookie", "origin"]
    assert list(signature(access.sockets.is_host_allowed).parameters) == ["host"]
    assert access.names.USER_COOKIE_NAME == "_streamlit_user"
    assert callable(access.auth_util.is_authlib_installed)
    assert hasattr(PagesManager, "uses_pages_directory")  # app.py sets it
    assert get_script_run_ctx(suppress_warning=True) is None
