"""Decisions on items, offered and reported the same way on every page: a bar of actions, undo, and the line that says
when the analysis is older than the labels. Every button says how many items it changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from curation.data.decisions import Decision
from curation.engine.stage import analysis
from curation.ui.parts import item_card
from curation.ui.parts.theme import plain
from curation.ui.state.project import Project

DONE = {
    "relabel": "Relabelled {items} to {value}",
    "confirm": "Confirmed the label of {items}",
    "drop": "Dropped {items}",
    "keep": "Kept {items} in every subset",
    "review": "Sent {items} to review",
}


def act(
    project: Project, rows: Sequence[int], action: str, value: str | Sequence[str] | None = None, why: str = ""
) -> None:
    """Record a decision; the next `announce` reports it. value: as in `Project.decide`."""
    touched = project.decide(rows, action, value, why)
    if touched:
        one = value if isinstance(value, str) else "the label suggested for each"
        announce_later(DONE[action].format(items=items(touched), value=one))


def undo(project: Project) -> list[Decision]:
    """Undo the last decision; the next `announce` reports it."""
    undone = project.undo()
    announce_later(f"Undone: {in_words(undone)}" if undone else "There is nothing to undo")
    return undone


def in_words(decisions: Sequence[Decision]) -> str:
    """A batch of decisions in words.

    >>> in_words([Decision("a", "drop"), Decision("b", "drop")]), in_words([Decision("a", "relabel", "cat")])
    ('dropped 2 items', 'relabelled 1 item to cat')
    """
    first, values = decisions[0], {d.value for d in decisions}
    value = first.value if len(values) == 1 else "the label suggested for each"
    text = DONE[first.action].format(items=items(len(decisions)), value=value)
    return text[0].lower() + text[1:]


def items(count: int) -> str:
    """
    >>> items(1), items(1234)
    ('1 item', '1,234 items')
    """
    return f"{count:,} item{'s' if count != 1 else ''}"


def announce_later(text: str) -> None:
    """Leave a text for `announce`: a callback may not draw."""
    st.session_state["announce"] = text


def announce() -> None:
    """Report what the last action did. Called where a page or fragment starts to draw."""
    if text := st.session_state.pop("announce", None):
        st.toast(plain(text))


def action_bar(
    project: Project,
    rows: Sequence[int],
    classes: Sequence[str],
    *,
    key: str,
    after: Callable[[], None] = lambda: None,
) -> None:
    """Relabel, drop, keep, send to review, undo: on these items. after: called when something was done."""
    count = f"{len(rows):,}" if len(rows) else ""
    none = not len(rows)

    def do(action: str) -> None:
        act(project, rows, action)
        after()

    def relabel() -> None:
        label = (st.session_state.get(f"{key}_label") or "").strip()
        if label:
            act(project, rows, "relabel", label)
            after()

    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        label = st.selectbox(
            "New label",
            classes,
            index=None,
            key=f"{key}_label",
            placeholder="Label, or type a new one",
            accept_new_options=True,
            label_visibility="collapsed",
            disabled=none,
        )
        st.button(
            f"Relabel {count}".strip(),
            key=f"{key}_relabel",
            type="primary",
            icon=":material/edit:",
            disabled=none or not label,
            on_click=relabel,
            help=plain(f"{items(len(rows))} to {label}") if label and not none else "Choose a label first",
        )
    with st.container(horizontal=True, gap="xsmall"):
        for action, text, about in _BUTTONS:
            st.button(
                f"{text} {count}".strip(),
                key=f"{key}_{action}",
                disabled=none,
                on_click=do,
                args=(action,),
                help=about,
            )
        st.button(
            "Undo",
            key=f"{key}_undo",
            type="tertiary",
            on_click=lambda: (undo(project), after()),
            help="Undo the last decision",
        )


_BUTTONS = (
    ("drop", "Drop", "Leave out of every subset and export; the manifest says so"),
    ("keep", "Keep", "Keep in every subset, whatever the pruner chooses"),
    ("review", "Review", "Send to the review queue"),
)


def stale_line(project: Project, known: Mapping[str, str], *, key: str, more: Callable[[], None] | None = None) -> None:
    """One line, when labels were changed since the scores were computed, with the button that renews them.

    known: the labels the shown analysis was made with, by id, where they differ from those given.
    more: draws something at the end of the line, which then is there in any case.
    """
    stale = behind(known, project.effective.labels)
    if not stale and more is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key=f"{key}_stale"):
        if stale:
            item_card.note(f"{items(stale)} relabelled since the scores were computed", width="content")
            if st.button("Update", key=f"{key}_update", type="tertiary", help="Run the analysis again"):
                project.start("Update the analysis", analysis())
                st.rerun()
        if more is not None:
            more()


def behind(known: Mapping[str, str], state: Mapping[str, str]) -> int:
    """Items whose current label is not the one the analysis knows.

    >>> behind({"a": "cat"}, {"a": "dog", "b": "cat"})
    2
    """
    return sum(known.get(id_) != state.get(id_) for id_ in {*known, *state})
