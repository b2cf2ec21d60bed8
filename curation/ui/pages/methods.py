"""Methods: the catalogue, drawn from the registry. What each does, what it is blind to, whether it can run here."""

import streamlit as st

from curation.engine.registry import kinds
from curation.ui.parts import catalogue, theme, which_one

ALL = "All"


@st.cache_data(ttl=300, show_spinner="Looking for packages and weights")
def problems() -> dict[tuple[str, str], str]:
    return catalogue.problems()


def main() -> None:
    with theme.header("Methods", "Every method: what it does, what it costs, and what it is blind to."):
        query = st.text_input(
            "Search",
            placeholder="Search names, tags and descriptions",
            key="methods_search",
            label_visibility="collapsed",
            width=300,
            icon=":material/search:",
        )
    kind = st.segmented_control(
        "Kind",
        [ALL, *kinds()],
        default=ALL,
        required=True,
        format_func=lambda k: ALL if k == ALL else kinds()[k].title,
        key="methods_kind",
        label_visibility="collapsed",
    )
    want, lacking = _which_one()
    found = which_one.fitting(catalogue.search(query, None if kind == ALL else kind), want, lacking)
    why = problems()
    away = [m for m in found if (m.kind, m.id) in why]
    st.caption(f"{len(found)} methods" + (f", {len(away)} of them cannot run here yet" if away else ""))
    if not found:
        why = (
            f"has all of these words: {theme.plain(query)}"
            if query and not want and not lacking
            else "fits all of this"
        )
        st.info(f"No method {why}")
        return
    st.html(catalogue.listing(found, why))


def _which_one() -> tuple[str | None, list[str]]:
    """What a person wants, and what their data does not have."""
    with st.container(horizontal=True, gap="medium", key="methods_which"):
        want = st.pills("I want to", list(which_one.WANTS), key="methods_want", width="content")
        lacking = st.pills(
            "My data has no",
            which_one.HAVE,
            selection_mode="multi",
            key="methods_lacking",
            width="content",
            help="Leaves out what would need them, also by way of the evidence and scores it reads.",
        )
    return want, lacking


if __name__ == "__main__":  # as a page of the installed app
    main()
