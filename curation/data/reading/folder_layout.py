"""What folder names say: which split an image belongs to and what its label is. One rule for folders and archives.

    flowers/  train/  rose/  2020/  0001.jpg      split train, label rose
              test/   rose/         0002.jpg      split test,  label rose
              unlabeled/            0003.jpg      no label

1. A single folder that holds all other folders is a wrapper and is taken off, whatever images lie beside them.
2. Top folders named train, training, val, valid, validation, dev, test, testing or unlabeled (in any case, also as
   train_set, test2017 or, all alike, seg_train and seg_test) are splits. Beside folders of other names one counts as
   a split only when it holds folders itself, so that a class may be called "train", next to "car" and "bus".
3. A folder below a split that only says the split again, or a single one that holds all its folders, is passed over.
4. The next folder is the label. Folders below it mean nothing: they belong to that class. Where every class folder
   holds split folders, these are the splits.
5. An image with no folder left for a label has none.

What is understood is said in a note. Where it is in doubt the set is refused, and `layout` says how it is meant: what
each level of folders is, such as "split/*/class".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from curation.data.images import EXTENSIONS
from curation.data.items import OK, SPLITS, TRAIN, UNLABELED, Items, make_items
from curation.data.parts import Spread, here
from curation.data.reading.cells import as_label
from curation.data.reading.folder_texts import ENDINGS, is_text_name, text_columns
from curation.data.reading.image_checks import Facts, as_columns, examine
from curation.data.reading.layout_guess import SAY, Folders, Levels, guess_layout
from curation.data.reading.split_names import split_of
from curation.errors import SourceError

LEVELS = ("split", "class", "*")


@dataclass(frozen=True)
class Layout:
    """prefix: the wrapper taken off every path, "" or "name/". splits, labels: one per path.

    read_as: what each level of folders is, such as "*/split/class". notes: sentences. doubt: why a person should say
    how it is meant; "" where the names are clear.
    """

    prefix: str
    splits: list[str]
    labels: list[str | None]
    read_as: str
    notes: list[str]
    doubt: str = ""


def is_image_name(name: str) -> bool:
    """By extension; whether it is an image is found out when it is read."""
    return "." in name and "." + name.rpartition(".")[2].lower() in EXTENSIONS


def arrange(paths: Sequence[str], layout: str = "") -> Layout:
    """Read the folder names of posix paths. Raises SourceError where `layout` does not fit them.

    layout: what each level is, "split", "class" or "*", divided by "/"; by default it is guessed.

    >>> found = arrange(["set/train/cat/1.jpg", "set/train/dog/2.jpg", "set/test/cat/3.jpg"])
    >>> found.prefix, found.splits, found.labels, found.read_as
    ('set/', ['train', 'train', 'test'], ['cat', 'dog', 'cat'], '*/split/class')
    """
    folders = [tuple(path.split("/")[:-1]) for path in paths]
    guess = None if layout else guess_layout(folders)
    told = _told(layout) if guess is None else ()
    levels = [told or guess.levels(names) for names in folders]
    said = [_meaning(names, each) for names, each in zip(folders, levels, strict=True)]
    splits, labels = [split for split, _ in said], [label for _, label in said]
    wrapper = guess.wrapper if guess else ()
    shared = all(names[: len(wrapper)] == wrapper for names in folders)
    usual = Counter(each for names, each in zip(folders, levels, strict=True) if names).most_common(1)
    read_as = layout or ("/".join(usual[0][0]) if usual else "")
    return Layout(
        prefix="".join(name + "/" for name in wrapper) if shared else "",
        splits=splits,
        labels=labels,
        read_as=read_as,
        notes=[*(guess.notes if guess else ()), *_notes(paths, splits, labels, read_as)],
        doubt=(guess.doubt or _doubt(splits, labels)) if guess else "",
    )


def items_by_folder(
    root: Path,
    paths: Sequence[str],
    *,
    where: str,
    progress: Callable[..., None],
    layout: str = "",
    problems: Mapping[str, str] | None = None,
    ignored: Sequence[str] = (),
    passed: Sequence[str] = (),
    notes: Sequence[str] = (),
    texts_to: Path | None = None,
    spread: Spread = here,
) -> Items:
    """Items of image files under `root`, in the order of their paths, arranged and examined; or of text files.

    where: the source in words, for errors. problems: path -> why it cannot be used; such files are not opened.
    ignored: a few names of other files, shown when there is no item at all. passed: notes on folders that were not
    entered, shown then too. texts_to: the folder texts are copied to, where the files are texts. spread: as `examine`
    takes it. Raises SourceError when nothing is usable, or where it is in doubt what the folders mean.
    """
    problems, what = problems or {}, "images" if texts_to is None else "texts"
    paths = sorted(paths)
    if not paths:
        other = f"; it holds other files, such as {some(ignored)}" if ignored else ""
        wanted = f"expected files named {', '.join(sorted(EXTENSIONS) if texts_to is None else ENDINGS)}"
        if texts_to is None and any(is_text_name(name) for name in ignored):
            wanted += ', or content = "texts" where the text files are the items'
        raise SourceError(
            "; ".join([f"{where} holds no {what}{other}", wanted, *(note.rstrip(".") for note in passed)])
        )
    found = arrange(paths, layout)
    if found.doubt:
        raise SourceError(f"{where}: {found.doubt}")
    if texts_to is None:
        columns = {**as_columns(_examined(root, paths, problems, progress, spread)), "root": root / found.prefix}
    else:
        columns = text_columns(root, paths, problems, texts_to, progress)
    status = columns["status"]
    if all(said != OK for said in status):
        first = f"the first, {paths[0]}: {status[0]}"
        raise SourceError(f"none of the {len(paths):,} {what} in {where} can be used; {first}")
    names = [path.removeprefix(found.prefix) for path in paths]
    return make_items(
        ids=names,
        paths=names,
        labels=found.labels,
        splits=found.splits,
        **columns,
        notes=(*notes, *passed, *found.notes),
    )


def _examined(
    root: Path, paths: Sequence[str], problems: Mapping[str, str], progress: Callable[..., None], spread: Spread
) -> list[Facts]:
    sound = [path for path in paths if path not in problems]
    known = dict(zip(sound, examine(root, sound, progress, spread=spread), strict=True))
    return [known.get(path) or Facts(status=problems[path]) for path in paths]


def some(names: Sequence[str], most: int = 3) -> str:
    """The first few names.

    >>> some(["a", "b", "c", "d"])
    'a, b, c and 1 more'
    """
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _told(layout: str) -> Levels:
    levels = tuple(layout.strip("/").split("/"))
    if set(levels) - set(LEVELS) or levels.count("split") > 1 or levels.count("class") > 1:
        raise SourceError(
            f'layout = {layout!r}: expected what each level of folders is, "split", "class" or "*" for none, '
            'such as "split/*/class"'
        )
    return levels


def _meaning(names: Folders, levels: Levels) -> tuple[str, str | None]:
    """Split and label of an image in these folders."""
    split, label = TRAIN, None
    for name, level in zip(names, levels, strict=False):
        if level == "split":
            if (said := split_of(name)) is None:
                raise SourceError(
                    f"layout: the folder {name!r} names no split; expected names such as train, val or test"
                )
            split = said[0]
        elif level == "class":
            label = as_label(name)
    return split, None if split == UNLABELED else label


def _notes(paths: Sequence[str], splits: Sequence[str], labels: Sequence[str | None], read_as: str) -> list[str]:
    """How the set was understood, in words."""
    notes = []
    counts = Counter(UNLABELED if label is None else split for split, label in zip(splits, labels, strict=True))
    if classes := sorted({label for label in labels if label is not None}):
        numbers = ", ".join(f"{split} {counts[split]:,}" for split in SPLITS if counts[split])
        notes.append(f"Folders were read as {read_as}: {numbers}; {len(classes):,} classes: {some(classes)}.")
    loose = [p for p, s, label in zip(paths, splits, labels, strict=True) if label is None and s != UNLABELED]
    if loose:
        lie = "1 image lies" if len(loose) == 1 else f"{len(loose):,} images lie"
        notes.append(f"{lie} in no class folder, such as {loose[0]}: read as unlabelled.")
    return notes


def _doubt(splits: Sequence[str], labels: Sequence[str | None]) -> str:
    """Why the labels can hardly be meant so; "" where they can."""
    classes: dict[str, set[str]] = {}
    for split, label in zip(splits, labels, strict=True):
        if label is not None:
            classes.setdefault(split, set()).add(label)
    alone = [next(iter(names)) for names in classes.values() if len(names) == 1]
    if len(alone) > 1 and len(alone) == len(classes) == len(set(alone)):
        return f"every split has one class of its own ({some(sorted(alone))}); {SAY}"
    names = sorted(set().union(*classes.values()))
    said = {name: split_of(name) for name in names if split_of(name)}
    plain = [name for name, (_, rest) in said.items() if not rest]
    alike = [
        name for name in said if any(said[name][1] == rest and said[name][0] != split for split, rest in said.values())
    ]
    if alike or (plain and not (plain == ["train"] and len(names) > 2)):
        return f"the class {(alike or plain)[0]!r} is called like a split; {SAY}"
    return ""
