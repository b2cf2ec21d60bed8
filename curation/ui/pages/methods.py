"""Methods: the catalogue, drawn from the registry. What each does, what it is blind to, whether it can run here."""

import streamlit as st

from curation.engine.registry import kinds
from curation.ui.parts import catalogue, theme

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
    found = catalogue.search(query, None if kind == ALL else kind)
    why = problems()
    away = [m for m in found if (m.kind, m.id) in why]
    st.caption(f"{len(found)} methods" + (f", {len(away)} of them cannot run here yet" if away else ""))
    if not found:
        st.info(f"No method has all of these words: {theme.plain(query)}")
        return
    st.html(catalogue.listing(found, why))


if __name__ == "__main__":  # as a page of the installed app
    main()
