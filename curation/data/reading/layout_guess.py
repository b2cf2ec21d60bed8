"""What the levels of folders are, guessed from their names and from which of them hold folders themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from curation.data.reading.split_names import NEUTRAL, SPLIT_NAMES, split_of

Folders = tuple[str, ...]  # of one image, from the top
Levels = tuple[str, ...]  # what each of them is: "split", "class" or "*", which means nothing

SAY = 'say what each level of folders is with layout = "split/class", "split/*/class", "class/split" or "class"'


@dataclass(frozen=True)
class Guess:
    """wrapper: folders around everything. passed: top folder that is a split -> levels passed over below it.

    class_first: class folders hold split folders. notes, doubt: as in `folder_layout.Layout`.
    """

    wrapper: Folders = ()
    passed: Mapping[str, int] = field(default_factory=dict)
    class_first: bool = False
    notes: tuple[str, ...] = ()
    doubt: str = ""

    def levels(self, names: Folders) -> Levels:
        """What the folders of one image are."""
        depth = len(self.wrapper)
        if names[:depth] != self.wrapper:  # an image beside the wrapper
            return ("*",) * len(names)
        above, top = ("*",) * depth, names[depth : depth + 1]
        if self.class_first:
            return (*above, "class", "split")
        if top and top[0] in self.passed:
            return (*above, "split", *("*",) * self.passed[top[0]], "class")
        return (*above, "class")


def guess_layout(folders: Sequence[Folders]) -> Guess:
    """The rule of `folder_layout`, points 1 to 4.

    >>> guess_layout([("set", "train", "cat"), ("set", "test", "cat")]).levels(("set", "train", "cat"))
    ('*', 'split', 'class')
    """
    wrapper = _wrapper(folders)
    depth, notes = len(wrapper), []
    if wrapper:
        notes.append(f"All folders lie in {'/'.join(wrapper)!r}, which was taken as a wrapper.")
    inside = Counter(names[depth:] for names in folders if len(names) > depth and names[:depth] == wrapper)
    tops = {names[0] for names in inside}
    splits = _split_tops(tops, inside)
    others = sorted(tops - splits)
    if not splits and _class_first(inside):
        return Guess(wrapper, class_first=True, notes=tuple(notes))
    below = {names[1] for names in inside if len(names) > 1 and names[0] in others and _plain(names[1])}
    if below and not splits:
        return Guess(wrapper, doubt=f"folders called {min(below)!r} lie in some class folders; {SAY}")
    if splits and others:
        more = f" and {len(others) - 3:,} more" if len(others) > 3 else ""
        notes.append(
            f"Beside the split folders {', '.join(sorted(splits))} there are other folders, read as classes of the "
            f"train split: {', '.join(others[:3])}{more}."
        )
    return Guess(wrapper, _passed(splits, inside), notes=tuple(notes))


def _wrapper(folders: Sequence[Folders]) -> Folders:
    """Single folders that hold all others, whatever images lie beside them."""
    wrapper: Folders = ()
    while True:
        depth = len(wrapper)
        inside = [names[depth:] for names in folders if len(names) > depth and names[:depth] == wrapper]
        tops = {names[0] for names in inside}
        if len(tops) != 1 or min(tops).lower() in SPLIT_NAMES:
            return wrapper
        below = {names[1] for names in inside if len(names) > 1}
        loose = any(len(names) == 1 for names in inside)
        deeper = any(len(names) > 2 for names in inside)
        if not below or (loose and len(below) == 1 and not deeper):
            return wrapper  # a class: images, and perhaps a folder that means nothing
        wrapper = (*wrapper, min(tops))


def _split_tops(tops: set[str], inside: Mapping[Folders, int]) -> set[str]:
    """The top folders that are splits."""
    said = {top: split_of(top) for top in tops}
    alike = all(said.values()) and len({rest for _, rest in said.values()}) == 1
    if alike and len({split for split, _ in said.values()}) > 1:
        return set(tops)
    deep = {names[0] for names in inside if len(names) > 1}
    plain = {top for top in tops if _plain(top)}
    return plain & deep if plain != tops else plain


def _class_first(inside: Mapping[Folders, int]) -> bool:
    """Whether every image lies in a split folder in a class folder."""
    second = {names[1] for names in inside if len(names) > 1}
    whole = all(len(names) > 1 for names in inside) and bool(second)
    return whole and all(map(_plain, second)) and len({split_of(name)[0] for name in second}) > 1


def _passed(splits: set[str], inside: Mapping[Folders, int]) -> dict[str, int]:
    """How many levels below each split mean nothing: one that says the split again, or a single wrapper."""
    below = {top: {names[1] for names in inside if names[0] == top and len(names) > 1} for top in splits}
    passed = dict.fromkeys(splits, 0)
    for top, names in below.items():
        if len(names) == 1:
            (name,) = names
            again = split_of(name) is not None and split_of(name)[0] == split_of(top)[0]
            passed[top] = int(again or name.lower() in NEUTRAL)
    single = {min(names) for names in below.values() if len(names) == 1}
    everywhere = len(single) == 1 and all(len(names) == 1 for names in below.values())
    third = {names[2] for names in inside if names[0] in splits and len(names) > 2}
    deeper = all(len(names) > 2 for names in inside if names[0] in splits and len(names) > 1)
    if everywhere and deeper and len(third) > 1:
        return dict.fromkeys(splits, 1)
    return passed


def _plain(name: str) -> bool:
    """Whether a name says a split and nothing else."""
    said = split_of(name)
    return said is not None and said[1] == ""
