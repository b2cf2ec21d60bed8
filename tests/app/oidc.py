"""A provider of logins on this machine: OpenID Connect as far as an app needs it, with keys made at start.

    with provider(["ada@lab.example", "bob@lab.example"]) as issuer: ...

Its page offers every user as a link; nobody types a password. Tokens are signed and the app checks them against the
published key; the code is good once, for the client's secret and the verifier of the challenge (PKCE).
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

CLIENT, SECRET = "winnow", "only for tests"


@contextlib.contextmanager
def provider(mails: Sequence[str]) -> Iterator[str]:
    """Run until the block ends; gives the issuer's address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.issuer = f"http://127.0.0.1:{server.server_port}"
    server.mails, server.codes, server.key = mails, {}, _key()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.issuer
    finally:
        server.shutdown()
        server.server_close()


def _key():
    from joserfc.jwk import RSAKey

    return RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        url = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        if url.path == "/.well-known/openid-configuration":
            self._json(self._about())
        elif url.path == "/keys":
            self._json({"keys": [self.server.key.as_dict(private=False)]})
        elif url.path == "/authorize" and "mail" in asked:
            code = secrets.token_urlsafe(16)
            self.server.codes[code] = asked
            to = f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"
            self._answer(302, b"", Location=to)
        elif url.path == "/authorize":
            links = [f'<a href="{self.path}&{urlencode({"mail": mail})}">{mail}</a>' for mail in self.server.mails]
            self._answer(200, "<br>".join(links).encode(), **{"Content-Type": "text/html"})
        else:
            self._answer(404, b"")

    def do_POST(self) -> None:
        from joserfc import jwt

        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        sent = {name: values[0] for name, values in parse_qs(body).items()}
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        asked = self.server.codes.pop(sent.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(sent.get("code_verifier", "").encode()).digest())
        if (
            asked is None
            or self.headers.get("Authorization") != f"Basic {basic}"
            or asked["code_challenge"] != challenge.rstrip(b"=").decode()
        ):
            self._answer(400, b'{"error": "invalid_grant"}')
            return
        now, mail = int(time.time()), asked["mail"]
        claims = {"iss": self.server.issuer, "aud": CLIENT, "sub": f"number of {mail}", "email": mail}
        claims |= {"email_verified": True, "iat": now, "exp": now + 600, "nonce": asked["nonce"]}
        token = jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.server.key)
        self._json({"access_token": "a", "token_type": "Bearer", "expires_in": 600, "id_token": token})

    def _about(self) -> dict:
        at = self.server.issuer
        return {
            "issuer": at,
            "authorization_endpoint": f"{at}/authorize",
            "token_endpoint": f"{at}/token",
            "jwks_uri": f"{at}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        }

    def _json(self, content: dict) -> None:
        self._answer(200, json.dumps(content).encode(), **{"Content-Type": "application/json"})

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_) -> None:
        """Nothing on the screen."""
