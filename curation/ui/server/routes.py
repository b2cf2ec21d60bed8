"""The app's own HTTP routes: uploads streamed to disk, downloads streamed from it, in constant memory.

PUT /winnow/upload/{token}/{path}   one file of an upload; `path` may name folders
GET /winnow/download/{project}/{key}/{number}   one file an export wrote

Streamlit's XSRF protection does not cover own routes: uploads need an `X-Winnow` header, which another site cannot send
without a CORS preflight that is never granted, and an Origin that is this server's own. The name of the host and the
login are asked for by `access.Guard` before a request comes here; whose home it goes to is asked there as well.
"""

from __future__ import annotations

import json
import os
import unicodedata
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import streamlit as st
from anyio import to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from curation.errors import SourceError
from curation.ui.server.projects import project_folder
from curation.ui.server.uploads import upload_folder

MAX_UPLOAD = int(os.environ.get("WINNOW_MAX_UPLOAD_MB", "20000")) * 1_000_000  # bytes in one file
BLOCK = 1_000_000  # bytes of an upload held before they are written


async def upload(request: Request) -> Response:
    """Stream one file to disk. 201 with its size, or one sentence and 4xx."""
    if problem := _cross_site(request):
        return JSONResponse({"error": problem}, 403)
    try:
        folder = upload_folder(request.path_params["token"])
        target = folder / _inside(request.path_params["path"])
    except SourceError as error:
        return JSONResponse({"error": str(error)}, 400)
    size, beside = 0, target.with_name(f".{target.name}.part")
    too_large = SourceError(f"{target.name} is larger than {MAX_UPLOAD / 1e6:,.0f} MB, the limit for one file")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as handle:
            block = bytearray()
            async for chunk in request.stream():
                size += len(chunk)
                if size > MAX_UPLOAD:
                    raise too_large
                block += chunk
                if len(block) >= BLOCK:  # a slow disk holds up this upload only
                    await to_thread.run_sync(handle.write, block)
                    block = bytearray()
            handle.write(block)
        beside.rename(target)
    except SourceError as error:
        beside.unlink(missing_ok=True)
        return JSONResponse({"error": str(error)}, 413)
    except ClientDisconnect:
        beside.unlink(missing_ok=True)
        return Response(status_code=400)
    except OSError as error:
        beside.unlink(missing_ok=True)
        return JSONResponse({"error": f"cannot store {target.name}: {error.strerror}"}, 507)
    return JSONResponse({"bytes": size}, 201)


async def download(request: Request) -> Response:
    """One file an export wrote, by its number on the export's card; the address never holds a path."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return Response("downloads are allowed from the app's own pages only", 403)
    folder = project_folder(request.path_params["project"])
    key = request.path_params["key"]
    card = folder / "export" / key / "card.json" if folder and key.isalnum() else None
    if card is None or not card.exists():
        return Response("there is no such export", 404)
    files = json.loads(card.read_text())["exports"]
    number = request.path_params["number"]
    path = Path(files[number]) if number < len(files) else None
    if path is None or not path.is_file():
        return Response("this file was moved or deleted after the export: export again", 404)
    return FileResponse(path, filename=path.name, media_type="application/octet-stream")


def prefix() -> str:
    """The beginning of every path of the app: "" or "/base" (server.baseUrlPath)."""
    base = (st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{base}" if base else ""


def routes() -> list[Route]:
    return [
        Route(f"{prefix()}/winnow/upload/{{token}}/{{path:path}}", upload, methods=["PUT"]),
        Route(f"{prefix()}/winnow/download/{{project}}/{{key}}/{{number:int}}", download, methods=["GET"]),
    ]


def _cross_site(request: Request) -> str:
    origin = urlsplit(request.headers.get("origin", "")).netloc
    if request.headers.get("x-winnow") != "upload" or (origin and origin != request.headers.get("host")):
        return "uploads are accepted from the app's own page only"
    return ""


def _inside(text: str) -> PurePosixPath:
    """A relative path of at most eight parts that cannot leave its folder, normalised to NFC."""
    parts = [unicodedata.normalize("NFC", part) for part in text.replace("\\", "/").split("/") if part not in ("", ".")]
    bad = any(p == ".." or len(p.encode()) > 200 or any(ord(c) < 32 for c in p) or p.startswith(".") for p in parts)
    if bad or not parts or len(parts) > 8:
        raise SourceError(f"{text[:100]!r} cannot be used as a file name")
    return PurePosixPath(*parts)
