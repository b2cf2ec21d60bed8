"""Export: what will be written and why, the recipe that replays it, and the files to take away."""

import time

import humanize
import streamlit as st

from curation import packages
from curation.data.remote.location import Remote
from curation.engine import registry
from curation.errors import InputError
from curation.ui.export import export_files
from curation.ui.parts import charts, theme
from curation.ui.parts.forms import form
from curation.ui.parts.theme import escaped
from curation.ui.server.allowed_paths import target
from curation.ui.state.project import Project, open_project


def main() -> None:
    project = open_project()
    if project is None or project.items is None:
        text = "Choose a dataset first. Here you write what is kept of it, and why."
        if theme.empty_state("ios_share", "Nothing to export yet", text, "Go to the data", key="export_empty"):
            st.switch_page("pages/data.py")
        return
    theme.header("Export", "A manifest with a reason for every item, and a recipe that replays the whole curation.")
    controls, result = st.columns([2, 3], gap="large")
    with controls:
        request = _controls(project)
        _written(project)
    with result:
        made = _result(project, request) if request else None
    if request is None:
        return
    preview, recipe, command = st.tabs(["Manifest", "Recipe", "Command line"], key="export_tabs")
    with preview:
        _preview(made)
    with recipe:
        st.code(request.text, language="toml", height=420)
    with command:
        st.caption("After the export, this command writes the same without the app:")
        st.code(request.command(project.folder), language="bash", wrap_lines=True)


def _controls(project: Project) -> export_files.ExportRequest | None:
    prunes = [p.name for p in project.recipe.prune]
    prune = st.selectbox(
        "What",
        [*prunes, None],
        format_func=lambda name: name or "All items that are not dropped",
        key="export_prune",
        help="A subset saved on the Prune page, or all items except those dropped by hand.",
    )
    exporters = registry.methods("exporters")
    use = st.selectbox("Format", _formats(project), format_func=lambda e: exporters[e].card.title, key="export_format")
    method = exporters[use]
    st.caption(theme.plain(method.summary))
    if missing := method.missing():
        st.warning(theme.plain(packages.needs(method.card.title, missing)))
        return None
    default = export_files.default_path(project, prune, use)
    text = st.text_input(
        "Write to",
        str(default),
        key=f"export_path_{prune}_{use}",
        help="On the machine the app runs on, or in an object store: s3://bucket/folder.",
    )
    try:
        path = target(text)
    except InputError as error:
        st.error(theme.plain(error), icon=":material/error:")
        return None
    params = form(method, {"path": path}, key="export", exclude=("path",))
    if params is None:
        return None
    request = export_files.requested(project, prune, use, params)
    _start(project, request)
    return request


def _formats(project: Project) -> list[str]:
    """Ids of exporters: those made for what the items are first, those made for other items last."""
    kinds = set(project.items.table["kind"].unique().to_pylist())
    here = {tag for tag, kind in (("chat", "chat"), ("pairs", "pair")) if kind in kinds}

    def place(use: str) -> int:
        made_for = set(exporters[use].card.tags) & {"chat", "pairs"}
        return 1 if not made_for else 0 if made_for & here else 2

    exporters = registry.methods("exporters")
    return sorted(exporters, key=place)


def _start(project: Project, request: export_files.ExportRequest) -> None:
    if request.missing:
        names = ", ".join(dict.fromkeys(step.label for step in request.missing))
        st.caption(theme.plain(f"Computed first, in the same job: {names}"))
    if hindrance := export_files.in_the_way(project, request):
        st.error(theme.plain(hindrance), icon=":material/error:")
    busy = project.jobs.current() is not None or bool(hindrance)
    if st.button("Export", type="primary", key="export", icon=":material/ios_share:", disabled=busy, width="stretch"):
        export_files.start(project, request)
        st.rerun()


def _result(project: Project, request: export_files.ExportRequest) -> export_files.Made | None:
    made = export_files.made(project, request)
    if made is None:
        st.info("The numbers appear here once this subset is computed.", icon=":material/hourglass_empty:")
        return None
    tally = made.tally
    numbers = [
        ("Kept", tally.kept, f"of {int(tally.before.sum()):,} usable train items"),
        ("Pruned", tally.pruned, "Not chosen by the method"),
        ("Test", tally.held, "Test and validation items are never pruned"),
    ]
    more = [
        ("Flagged out", tally.left_out, "Left out by flags before the method chose"),
        ("Dropped", tally.dropped, "Dropped by hand"),
        ("Relabelled", tally.relabelled, "Kept or not; the manifest has the given label"),
        ("No label", tally.unlabelled, "Items without a label are left out"),
        ("Unusable", tally.unusable, "Items that cannot be read"),
    ]
    numbers += [number for number in more if number[1]]
    theme.metrics([(name, f"{count:,}", about) for name, count, about in numbers])
    if not project.store.classes:
        return made
    with st.container(height=310 if len(tally.classes) > 10 else "content", border=False):
        figure = charts.class_bars(tally.classes, tally.before, tally.kept_of, dark=theme.is_dark())
        st.plotly_chart(figure, key="export_classes", config=charts.QUIET)
    return made


def _preview(made: export_files.Made | None) -> None:
    if made is None:
        st.caption("The manifest appears here once this subset is computed.")
        return
    st.caption(f"The first {len(made.first):,} of {made.rows:,} rows")
    st.dataframe(made.first, hide_index=True, height=420, key="export_manifest")


def _written(project: Project) -> None:
    done = export_files.written(project)
    if not done:
        return
    rows = []
    for export in done:
        state = theme.chip("up to date", "kept") if export.fresh else theme.chip("older than the last changes")
        when = humanize.naturaltime(time.time() - export.created)
        head = f"{export.prune or 'everything'} · {export.use} · {when}"
        rows.append(f"<dt>{escaped(head)} {state}</dt>")
        rows += [f"<dd>{_file(file)}</dd>" for file in export.files]
    with st.container(border=True, key="written", gap=None):
        st.markdown("**Written files**")
        st.html(f'<style>{_FILES}</style><dl class="wn-files">{"".join(rows)}</dl>')


def _file(file: export_files.File) -> str:
    where = escaped(str(file.path))
    if not file.there:
        return f"<span>{escaped(file.path.name)}</span><em>gone from {where}</em>"
    if isinstance(file.path, Remote):
        return f"<span>{where}</span>"
    if file.size is None:
        return f"<span>{escaped(file.path.name)}/</span><em>a folder at {where}</em>"
    size = humanize.naturalsize(file.size, format="%.3g")
    name = escaped(file.path.name)
    return f'<a href="{escaped(file.link)}" download="{name}">{name}</a><em title="{where}">{size}</em>'


_FILES = """
.wn-files.wn-files { margin: 0.2rem 0 0; padding: 0; font-size: 0.9rem; line-height: 1.5; }
.wn-files dt { font-weight: 400; padding: 0; margin-top: 0.5rem; display: flex; flex-wrap: wrap; gap: 0.2rem 0.6rem;
  align-items: center; }
.wn-files dd { padding: 0; margin: 0.15rem 0 0; display: flex; flex-wrap: wrap; gap: 0 0.7rem; }
.wn-files a { color: light-dark(#0F5FA8, #6FB1F0); } .wn-files em { font-style: normal; opacity: 0.65; }
"""

if __name__ == "__main__":  # as a page of the installed app
    main()
