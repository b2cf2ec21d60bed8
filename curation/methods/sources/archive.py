"""Archive of images or text files: a zip or tar (.gz, .bz2, .xz) of class folders, unpacked into the workspace.

Members are streamed to disk one by one and then read by the same rules as the source `folder`; a single folder
around everything is taken off. From a URL they are read by ranges. An archive with a member that would leave its folder
is refused as a whole, and so is one that unpacks to more than the limits. Links and devices are never unpacked; damaged
members of a zip stay items, with the reason as their status. The rules in full: `data/reading/archives.py`,
`folder_layout.py`.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from curation.card import Card
from curation.data.items import Items
from curation.data.parts import Spread, here
from curation.data.reading.archives import MAX_FILES, MAX_TOTAL, unpack
from curation.data.reading.folder_layout import is_image_name, items_by_folder
from curation.data.reading.folder_texts import is_text_name
from curation.data.remote.location import told
from curation.data.remote.parameter import Location
from curation.errors import SourceError

CARD = Card(
    title="Zip or tar of images or texts",
    cost="the files are written to the workspace once; each image is decoded once, in worker processes",
    blind_to="labels that are not folder names; archives inside the archive",
    tags=("images", "texts"),
    version=3,
    opens=(".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz"),
)


def read(
    *,
    path: Annotated[Location, Field(description="The archive or its URL: .zip, .tar, .tar.gz, .tar.bz2 or .tar.xz.")],
    max_files: Annotated[
        int, Field(ge=1, description="Largest number of members; a limit against hostile archives.")
    ] = MAX_FILES,
    max_gigabytes: Annotated[
        float, Field(gt=0, description="Largest unpacked size; a limit against hostile archives.")
    ] = MAX_TOTAL / 1e9,
    layout: Annotated[
        str, Field(description='What each level of folders is, such as "split/*/class"; by default it is guessed.')
    ] = "",
    content: Annotated[Literal["images", "texts"], Field(description="Which files are the items.")] = "images",
    into: Path,
    progress: Callable[..., None],
    spread: Spread = here,
) -> Items:
    """Items in the order of their paths; id = path inside the archive. Raises SourceError.

    >>> import io, tempfile, zipfile
    >>> from PIL import Image
    >>> top, png = Path(tempfile.mkdtemp()), io.BytesIO()
    >>> Image.new("L", (4, 4)).save(png, "PNG")
    >>> with zipfile.ZipFile(top / "pets.zip", "w") as archive:
    ...     archive.writestr("pets/cat/1.png", png.getvalue())
    >>> items = read(path=top / "pets.zip", into=top, progress=lambda *_: None)
    >>> items.column("id").tolist(), items.classes
    (['cat/1.png'], ('cat',))
    """
    with told(path):
        if not path.exists():
            raise SourceError(f"the archive {path} does not exist")
        if path.is_dir():
            raise SourceError(f"{path} is a folder, not an archive; use the source folder")
        if not path.is_file():  # reading a pipe would wait for ever
            raise SourceError(f"{path} is neither a file nor a folder")
    target = into / "files"
    target.mkdir()
    texts = content == "texts"
    wanted = is_text_name if texts else is_image_name
    limits = {"max_files": max_files, "max_total": int(max_gigabytes * 1e9)}
    found = unpack(path, target, progress, wanted=wanted, **limits)
    notes = []
    if found.others:
        notes.append(f"{found.others:,} files that are not {content} by their name were passed over.")
    if found.links:
        notes.append(f"{found.links:,} links and devices in the archive were passed over.")
    if found.renamed:
        notes.append(f"{found.renamed:,} names that some systems cannot hold were changed, in as few places as can be.")
    items = items_by_folder(
        target,
        found.paths,
        where=f"the archive {path}",
        progress=progress,
        layout=layout,
        problems=found.problems,
        ignored=sorted(found.shown),
        notes=notes,
        texts_to=into if texts else None,
        spread=spread,
    )
    if texts:  # they lie in the workspace a second time now
        shutil.rmtree(target)
    return items
