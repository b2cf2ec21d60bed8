"""The first page: the sample, an upload, a path on the server's machine, a named dataset, and recent projects.

Problems known before reading are shown next to the control; all others are reported by the job.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import humanize
import streamlit as st

from curation import packages
from curation.data.remote import cache
from curation.data.remote.glance import at_a_glance
from curation.data.remote.location import Remote
from curation.engine import registry
from curation.engine.stage import analysis
from curation.errors import InputError, SourceError
from curation.ui.parts import theme
from curation.ui.parts.forms import form, humanised
from curation.ui.server import allowed_paths, projects
from curation.ui.server.home import home
from curation.ui.start import opening, overview, presets, source_kind
from curation.ui.start.asking import asked, given
from curation.ui.start.guess_panel import in_doubt, named_panel
from curation.ui.start.upload import upload
from curation.ui.state.project import close_project, create_project, open_project, set_open

UPLOAD, PATH, NAMED = "Upload", "Path on the server", "Named dataset"
RECENT = 12


def front_door() -> None:
    theme.header(
        "Start with a dataset",
        "See it, find what is wrong with it, keep the part worth training on, and prove that it is enough.",
    )
    left, right = st.columns([5, 7], gap="medium")
    with left.container(border=True, height="stretch", key="start_sample"):
        _sample()
    with right.container(border=True, height="stretch", key="start_own"):
        _own()
    recent = projects.projects()
    if recent:
        _recent(recent)
    st.html(_STEPS)


def begin(title: str, source: Mapping[str, Any]) -> None:
    """Make a project that reads `source`, start reading, open it. Errors are shown here, or reported by the job."""
    try:
        project = create_project(title, {"source": dict(source)})
    except InputError as error:
        st.error(theme.plain(error), icon=":material/error:")
        return
    project.start(f"Read {title}", ["source"])
    st.rerun()


# -- the sample ------------------------------------------------------------------------------------------------


def _sample() -> None:
    st.markdown("**Try it on 1,797 handwritten digits**")
    if picture := _sample_picture():
        st.html(f'<img class="wn-pixels" style="width:100%;border-radius:6px" alt="Digits" src="{picture}">')
    st.markdown(
        f"{presets.MISTAKES:.0%} of the training labels were made wrong on purpose. In half a minute you will see "
        "how many of them were found. Nothing is downloaded."
    )
    if st.button("Try the sample", type="primary", key="try_sample", icon=":material/play_arrow:"):
        project = create_project("Digits", presets.sample())
        project.start("Analyse the sample", analysis())
        st.rerun()


@st.cache_data(show_spinner=False)
def _sample_picture() -> str:
    made = overview.sample_picture()
    return f"data:image/png;base64,{base64.b64encode(made).decode()}" if made else ""


# -- the person's own data -------------------------------------------------------------------------------------


def _own() -> None:
    st.markdown("**Bring your own images or texts**")
    ways = [UPLOAD, PATH, NAMED]
    first = UPLOAD if opening.given_path() is None else PATH
    way = st.segmented_control("From", ways, default=first, required=True, key="own_way", label_visibility="collapsed")
    try:
        {UPLOAD: _upload, PATH: _path, NAMED: _named}[way]()
    except InputError as error:
        st.error(theme.plain(error), icon=":material/error:")


def _upload() -> None:
    made = upload("own_upload")
    if made is not None and source_kind.kinds_of(made.path) == [made.kind] != ["table"] and not in_doubt(made.path):
        begin(made.title, {"use": made.kind, "path": str(made.path)})
    elif made is not None:
        st.session_state["own_unclear"] = made  # its columns, its folders or its kind have to be named first
    if (unclear := st.session_state.get("own_unclear")) is None:
        return
    try:
        source = asked(unclear.path, "own_upload")
    except SourceError:
        del st.session_state["own_unclear"]
        raise
    if source:
        del st.session_state["own_unclear"]
        begin(unclear.title, source)


def _path() -> None:
    text = st.text_input(
        "Folder, archive, table or .npz on the machine the app runs on, or its URL",
        str(opening.given_path() or ""),
        placeholder="/data/flowers, /data/flowers.zip or s3://bucket/flowers",
        key="own_path",
        help="A folder with one sub-folder of images or text files per class, optionally below train and test folders; "
        "a zip or tar of such a folder; a csv, parquet or jsonl file with a column of texts or of image paths and a "
        "column of labels; an .npz file with images or features. All but .npz may lie elsewhere: folders, tar shards, "
        "archives and tables at s3://, gs:// or az://, and single files at https://. Credentials come from the "
        "environment of the app, never from the URL.",
    )
    if not text.strip():
        st.caption("The data is read in place; nothing is copied or changed. Allowed folders: " + _roots())
        return
    with at_a_glance():  # the job that reads it asks a store for more
        path, source = _looked_at(text)
    if source:
        begin(source_kind.title_of(path), source)


def _looked_at(text: str) -> tuple[Path | Remote, dict[str, Any] | None]:
    """Show how a typed path is understood; the path, or that of a table in it, and the source once it may be read."""
    path = allowed_paths.allowed(text)
    tables = source_kind.tables_in(path) if path.is_dir() else []
    if len(tables) == 1:
        how = {"folder": "Class folders", "table": tables[0].name}
        said = st.segmented_control(
            "Where the labels are",
            list(how),
            default="folder",
            required=True,
            format_func=lambda k: theme.plain(how[k]),
            key="own_labels",
        )
        path = tables[0] if said == "table" else path
    keep = isinstance(path, Remote) and st.checkbox(
        "Keep what is fetched on this machine", key="own_cache", help=_cached()
    )
    source = asked(path, "own_path")
    return path, source and {**source, **({"cache": True} if keep else {})}


def _cached() -> str:
    size, where = humanize.naturalsize(cache.bound(), format="%.3g"), theme.plain(cache.folder())
    return (
        f"It stays in {where} and is not fetched again. All projects together keep at most {size}; what was not used "
        "for longest goes first. WINNOW_CACHE_GB changes the size."
    )


def _named() -> None:
    sources = registry.methods("sources").values()
    named = {m.id: m for m in sorted(sources, key=lambda m: m.id, reverse=True) if "download" in m.card.tags}
    name = st.selectbox(
        "From", list(named), format_func=lambda n: named[n].card.title, key="own_named", label_visibility="collapsed"
    )
    method = named[name]
    if missing := method.missing():
        st.warning(theme.plain(packages.needs(method.card.title, missing)))
        return
    fields = method.params.model_fields
    fixed = {"root": fields["root"].default} if "root" in fields else {}
    typed = {
        key: st.text_input(humanised(key), help=theme.plain(field.description or ""), key=f"own_named_{key}").strip()
        for key, field in fields.items()
        if field.is_required()
    }
    params = None
    if all(typed.values()):
        allowed_paths.check_paths(typed)
        guessed = named_panel(name, typed, "own_named") if method.preview else {}
        drawn = f"own_named_form_{'/'.join(typed.values())}"  # another set's guess goes into fields of its own
        params = form(method, {**guessed, **fixed, **typed}, key=drawn, exclude=[*fixed, *typed])
    if st.button("Download", key="own_named_read", icon=":material/download:", disabled=params is None):
        allowed_paths.check_paths({key: value for key, value in params.items() if key not in fixed})
        title = str(params.get("dataset") or params.get("name") or name)
        begin(title.rstrip("/").rpartition("/")[2], {"use": name, **given(params)})


def _roots() -> str:
    return ", ".join(theme.plain(root) for root in allowed_paths.roots())


# -- recent projects -------------------------------------------------------------------------------------------


def _recent(recent: Sequence[projects.ProjectInfo]) -> None:
    st.markdown("#### Recent projects")
    with st.container(border=True, gap="xsmall", key="recent"):
        for info in recent[:RECENT]:
            name, items, when, open_, delete = st.columns([6, 2, 2, 1.2, 1.2], vertical_alignment="center")
            name.markdown(theme.plain(info.name))
            count = projects.item_count(info.folder)
            items.caption(f"{count:,} items" if count is not None else "not read yet")
            when.caption(humanize.naturaltime(time.time() - info.changed))
            if open_.button("Open", key=f"recent_open_{info.name}", width="stretch"):
                set_open(info.name)
                st.rerun()
            if delete.button("Delete", key=f"recent_delete_{info.name}", type="tertiary", width="stretch"):
                confirm_delete(info.name)
    if len(recent) > RECENT:
        st.caption(f"{len(recent) - RECENT} older projects are in {theme.plain(home())}")


@st.dialog("Delete this project?")
def confirm_delete(name: str) -> None:
    st.markdown(
        f"This deletes the results, the decisions and the uploaded files of **{theme.plain(name)}**. Source files "
        "elsewhere on this machine are not touched."
    )
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Cancel", key="delete_no"):
            st.rerun()
        if st.button("Delete", type="primary", key="delete_yes"):
            opened = open_project()
            if opened is not None and opened.name == name:
                close_project()
            if (folder := projects.project_folder(name)) is not None:
                projects.delete_project(folder)
            st.toast(f"Deleted {theme.plain(name)}")
            st.rerun()


_STEPS = """<style>
.wn-steps { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: 0.75rem 1.5rem;
  margin: 1.2rem 0 0; padding: 1rem 0.2rem 0; border-top: 1px solid color-mix(in srgb, currentColor 14%, transparent); }
.wn-steps b { display: block; margin-bottom: 0.15rem; } .wn-steps span { opacity: 0.72; font-size: 0.9rem; }
</style><div class="wn-steps">
<div><b>1 See</b><span>Every item on a map; hard ones are drawn large.</span></div>
<div><b>2 Review</b><span>Wrong labels, duplicates and outliers: one key per decision.</span></div>
<div><b>3 Prune</b><span>Choose a method and a share; see what each class keeps and loses.</span></div>
<div><b>4 Verify</b><span>Train on the subset, on random ones of its size and on the full data.</span></div>
<div><b>5 Export</b><span>A manifest with a reason for every item, and a recipe that replays it all.</span></div>
</div>"""
