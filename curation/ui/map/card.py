"""What the card beside a hovered point shows and the map does not hold: an item's name, its picture, its words.

GET /winnow/item/{project}/{source}/{row}   {"id", "src", "said"}: src a data URI or "", said [[who, text], ...]

`access.Guard` has asked for the login before a request comes here; a project of somebody else's is not found.
"""

from __future__ import annotations

from urllib.parse import quote

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from curation.ui.parts.item_kinds.shown import brief
from curation.ui.parts.theme import literal
from curation.ui.server import projects
from curation.ui.server.routes import prefix
from curation.ui.state.project import Project, read_items


def address(project: Project) -> str:
    """Where the items of a project are asked for; the row comes after a slash."""
    return f"{prefix()}/winnow/item/{quote(project.name)}/{project.plan.find('source').key}"


async def item(request: Request) -> Response:
    """One item by its row. An item never changes under its source's key, so the browser may keep the answer."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return Response("items are shown on the app's own pages only", 403)
    folder, key = projects.project_folder(request.path_params["project"]), request.path_params["source"]
    if folder is None or not key.isalnum() or not (folder / "source" / key / "items.parquet").exists():
        return Response("there is no such dataset", 404)

    def look() -> dict | None:
        items, row = read_items(folder, key), request.path_params["row"]
        if row >= len(items):
            return None
        (content,) = brief(items, [row], 112)
        said = [[literal(who), literal(text)] for who, text in content.said]
        return {"id": literal(items.cell("id", row)), "src": content.src, "said": said}

    found = await to_thread.run_sync(look)
    if found is None:
        return Response("there is no such item", 404)
    return JSONResponse(found, headers={"Cache-Control": "private, max-age=3600"})


def routes() -> list[Route]:
    return [Route(f"{prefix()}/winnow/item/{{project}}/{{source}}/{{row:int}}", item, methods=["GET"])]
