"""Folder of images, or of text files: class folders, with or without split folders above them.

`train/cat/1.jpg` is a cat of the train split, `cat/1.jpg` a cat, `1.jpg` an item without a label; folders below the
class folder mean nothing. Split folders are train, training, val, valid, validation, dev, test, testing and
unlabeled, in any case; a single folder around everything is taken off. What was understood is said in a note; where
it is in doubt, `layout` has to say it. The full rule: `data/reading/folder_layout.py`.

Hidden files, `__MACOSX`, files that are not images by their extension, and what Winnow wrote (exports, workspaces)
below the folder are passed over. An image file that cannot be read (empty, truncated, not an image, too large, or a
link that leads out of the folder) stays an item, with the reason as its status, and is left out of everything after.
Images are read where they are, never copied or changed; below a URL, such as s3://bucket/pets, the objects are
listed and fetched, and only thumbnails and embeddings are kept.

With `content = "texts"` the items are the files named .txt, .text or .md, or without an ending: one text each, in any
usual encoding, copied to the workspace. An empty one, or one of over 1 MB, stays an item, with that as its status.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from curation.card import Card
from curation.data.items import Items
from curation.data.parts import Spread, here
from curation.data.reading.folder_layout import items_by_folder
from curation.data.reading.folder_listing import listing
from curation.data.reading.folder_texts import is_text_name
from curation.data.reading.watched import ImagesBelow, TextsBelow
from curation.data.remote.location import Remote, told
from curation.data.remote.parameter import Location
from curation.errors import SourceError

CARD = Card(
    title="Folder of images or texts",
    cost="every file is read once; images are decoded in worker processes",
    blind_to="labels that are not folder names",
    tags=("images", "texts"),
    version=3,
    opens=("/",),
)


def read(
    *,
    path: Annotated[
        Location, Field(description="The folder or URL that holds the class folders, or train, val and test.")
    ],
    layout: Annotated[
        str, Field(description='What each level of folders is, such as "split/*/class"; by default it is guessed.')
    ] = "",
    content: Annotated[Literal["images", "texts"], Field(description="Which files are the items.")] = "images",
    into: Path | None = None,
    progress: Callable[..., None],
    spread: Spread = here,
) -> Items:
    """Items in the order of their paths; id = path below the folder. Raises SourceError.

    >>> import tempfile
    >>> from PIL import Image
    >>> top = Path(tempfile.mkdtemp())
    >>> for name in ("train/cat/1.png", "train/dog/1.png", "test/cat/2.png"):
    ...     (top / name).parent.mkdir(parents=True, exist_ok=True)
    ...     Image.new("L", (4, 4)).save(top / name)
    >>> read(path=top, progress=lambda *_: None).table.select(["id", "label", "split"]).to_pylist()[0]
    {'id': 'test/cat/2.png', 'label': 'cat', 'split': 'test'}
    """
    texts = content == "texts"
    with told(path):
        if not path.exists():
            raise SourceError(f"the folder {path} does not exist")
        if not path.is_dir():
            raise SourceError(f"{path} is a file, not a folder; use the source archive, table or arrays for files")
        found = listing(path, is_text_name) if texts else listing(path)
    others = len(found.others)
    return items_by_folder(
        path,
        found.items,
        where=f"the folder {path}",
        progress=progress,
        layout=layout,
        problems=found.problems,
        ignored=sorted(found.others),
        passed=found.notes(),
        notes=[f"{others:,} files that are not {content} by their name were passed over."] if others else [],
        texts_to=into if texts else None,
        spread=spread,
    )


def watches(*, path: Path | Remote, content: str = "images", **params: Any) -> list[ImagesBelow | TextsBelow]:
    """What the result depends on: the items, and neither other files nor what Winnow wrote among them."""
    return [TextsBelow(path) if content == "texts" else ImagesBelow(path)]
