"""Who is visiting, and whether they are let in.

Without `[auth]` in secrets.toml nobody logs in: the app answers this machine only, and all projects belong to one
person. With it, every page and every address that serves data asks for a login by OpenID Connect, and each person has
a home folder of their own (`home`): the projects of others are neither listed nor opened, not even by their address.
WINNOW_USERS limits who may log in: e-mail addresses and domains (`@lab.example`), separated by commas.

`Guard` stands before all HTTP routes. Streamlit checks the host name for its websocket only, and asks for no login
before it serves files; the guard checks both. When in doubt it refuses.
"""

from __future__ import annotations

import contextvars
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st
from starlette.requests import Request
from starlette.responses import Response
from streamlit import auth_util
from streamlit.errors import StreamlitSecretNotFoundError
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.secrets import secrets_singleton
from streamlit.web.server.starlette import starlette_server_config as names
from streamlit.web.server.starlette import starlette_websocket as sockets

from curation import packages
from curation.errors import AccessError

# What may be loaded under _stcore/ before the login: how the page finds its server, and no data.
OPEN = ("health", "host-config", "stream", "bidi-components")
SECRET = 24  # characters at least of the secret that signs the login's cookies
HELD = ("winnow", "media", "component", "app")  # everything under these needs the login


@dataclass(frozen=True)
class Visitor:
    """Somebody who logged in. key: 20 hex digits that never change, the name of their folder. name: to show."""

    key: str
    name: str


def login_on() -> bool:
    """Whether people have to log in. Raises AccessError when that is unclear: a typing error lets nobody in."""
    try:
        secrets = secrets_singleton.to_dict()
    except StreamlitSecretNotFoundError as error:
        if not str(error).startswith("No secrets found"):
            raise AccessError(
                "secrets.toml cannot be read, so nobody can log in: correct it and restart the app"
            ) from error
        secrets = {}
    if "auth" not in secrets and os.environ.get("WINNOW_USERS"):
        raise AccessError(
            "WINNOW_USERS is set but secrets.toml has no [auth], so nobody can log in: see docs/deploy.md"
        )
    if "auth" in secrets and len(secrets["auth"].get("cookie_secret", "")) < SECRET:
        raise AccessError(f"nobody can log in: [auth] needs a cookie_secret of at least {SECRET} random characters")
    return "auth" in secrets


def visitor() -> Visitor | None:
    """Who this page or request is for; None where nobody has to log in. Raises AccessError for anybody unknown."""
    if not login_on():
        return None
    claims = _asking.get()
    if claims is None and get_script_run_ctx(suppress_warning=True) is not None:
        claims = st.user.to_dict()
    return known(claims or {})


def known(claims: Mapping[str, Any]) -> Visitor:
    """The visitor a login's claims stand for. Raises AccessError for anybody else.

    A person is identified by issuer and subject: e-mail addresses change hands.
    """
    if claims.get("is_logged_in") is not True:
        raise AccessError("log in first")
    if not claims.get("sub"):
        raise AccessError("the login does not say who you are (it has no subject): ask the owner of this server")
    mail = str(claims.get("email") or "").lower()
    if (allowed := users()) and (claims.get("email_verified") is False or not _among(mail, allowed)):
        raise AccessError(f"{mail or 'this account'} may not use this server: ask its owner to add you")
    issuer = claims.get("iss") or claims.get("provider") or ""
    key = hashlib.sha256(json.dumps([issuer, claims["sub"]]).encode()).hexdigest()[:20]
    return Visitor(key, mail or str(claims.get("name") or claims["sub"]))


def users() -> list[str]:
    """Who may log in according to WINNOW_USERS; empty means everyone the provider knows."""
    return [entry.strip().lower() for entry in os.environ.get("WINNOW_USERS", "").split(",") if entry.strip()]


def providers() -> list[str | None]:
    """Names of the ways to log in; None is the one in [auth] itself. Raises AccessError when none works."""
    if not auth_util.is_authlib_installed():
        raise AccessError(packages.needs("logging in", ["Authlib", "httpx2"]))
    section = secrets_singleton.to_dict().get("auth", {})
    named = [name for name, part in section.items() if isinstance(part, Mapping) and "client_id" in part]
    return [None] * ("client_id" in section) + named


class Guard:
    """ASGI middleware: the host's name and the login, before any route is reached."""

    def __init__(self, app: Any, base: str = ""):
        self.app, self.base = app, base

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)  # Streamlit checks its websocket itself; pages ask `visitor`
            return
        request = Request(scope)
        refused = self._refused(request)
        if refused is not None:
            await refused(scope, receive, send)
            return
        token = _asking.set(claims_of(request))
        try:
            await self.app(scope, receive, send)
        finally:
            _asking.reset(token)

    def _refused(self, request: Request) -> Response | None:
        parts = request.scope["path"].removeprefix(self.base).strip("/").split("/")
        if parts == ["_stcore", "health"]:
            return None  # asked by whatever monitors the server, under any name
        if not sockets.is_host_allowed(request.headers.get("host")):
            return Response("this host name is not in server.allowedHosts; see docs/deploy.md", 403)
        if parts[0] not in HELD and not (parts[0] == "_stcore" and parts[1:2] and parts[1] not in OPEN):
            return None
        try:
            if login_on():
                known(claims_of(request))
        except AccessError as error:
            return Response(str(error), 401)
        return None


def claims_of(request: Request) -> dict[str, Any]:
    """What the login cookie of a request says; empty without one, or when it was not signed here."""
    raw = sockets._get_signed_cookie_with_chunks(request.cookies, names.USER_COOKIE_NAME)
    origin = auth_util.get_origin_from_redirect_uri()
    return sockets._parse_decoded_user_cookie(raw, origin) if raw and origin else {}


_asking: contextvars.ContextVar[dict[str, Any] | None] = contextvars.ContextVar("asking", default=None)


def _among(mail: str, allowed: list[str]) -> bool:
    return bool(mail) and any(mail == entry or (entry[0] == "@" and mail.endswith(entry)) for entry in allowed)
