"""Further views of what was condensed: its images, architectures, storage, and the files to take home.

Each view is a function of what is there (`Shown`) and draws itself.
"""

from __future__ import annotations

import io
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from curation.data.writing.condensed_set import write_set
from curation.engine.against_real import Comparison
from curation.engine.plan import Plan
from curation.engine.stages.deliver import about, made_from
from curation.engine.trials import FULL
from curation.ui.condense import architectures, figures, made, pictures, summary
from curation.ui.condense.start import condense_also, with_depths, with_six
from curation.ui.parts import charts, theme
from curation.ui.state.project import Project
from curation.ui.verify.summary import percent

BESIDE = 2  # sets shown beside the first until somebody chooses


@dataclass(frozen=True)
class Shown:
    """What the page shows: the plan, its rows summed up, and the choices that hold for all views."""

    project: Project
    plan: Plan
    found: Comparison
    student: str
    per_class: int
    of: str

    @property
    def space(self) -> str:
        return self.project.recipe.condense[0].space

    @property
    def here(self) -> list:
        """Cells of the chosen student and items, everything among them, those of as many bytes not."""
        cells = [c for c in self.found.cells if c.name.student == self.student and not c.name.like]
        return [c for c in cells if c.name.of == self.of or c.name.method == FULL]


def images(shown: Shown) -> None:
    """The images of every class side by side, as they came to be."""
    if shown.space == "embeddings":
        st.info("These sets hold embeddings, which cannot be shown as images.")
        return
    steps = made.sets(shown.plan, shown.per_class, shown.of)
    codes = np.unique(shown.project.store.labels[shown.project.store.candidates])
    courses = {name: made.course(shown.plan, step, codes) for name, step in steps.items()}
    courses = {name: course for name, course in courses.items() if course}
    if not courses:
        st.info("No images yet: the first appear when a condensation has begun.")
        return
    different = [name for name in steps if not name.endswith(" + soft")]  # the same images as without
    names = st.multiselect(
        "Side by side", list(steps), default=different[: 1 + BESIDE], key="condense_sets",
        help="The sets of the first seed.",
    )  # fmt: skip
    if not (names := [name for name in names if name in courses]):
        return
    share = st.slider(
        "From the start to the finished set", 0, 100, 100, 5, format="%d %%", key="condense_share",
        help="Between the snapshots that were kept of each condensation.",
    )  # fmt: skip
    columns = []
    for name in names:
        iteration, seconds, values = courses[name].at(share / 100)
        moving = f" · iteration {iteration:,}, {seconds:.1f} s" if len(courses[name].frames) > 1 else ""
        columns.append((name + moving + ", not finished" * courses[name].partial, values, courses[name].labels))
    st.html(pictures.side_by_side(columns, shown.project.store.classes))
    if any(len(values) > pictures.MOST * len(codes) for _, values, _ in columns):
        st.caption(f"The first {pictures.MOST} images of every class.")


def across(shown: Shown) -> None:
    """The cross-architecture table, and whether a set ranks architectures as everything does."""
    cells = [c for c in shown.found.cells if c.name.per_class in (shown.per_class, None) and not c.name.like]
    cells = summary.order([c for c in cells if c.name.of == shown.of or c.name.method == FULL])
    students = list(dict.fromkeys(c.name.student for c in cells))
    table: dict[str, dict[str, str]] = {}
    accuracy: dict[str, dict[str, float]] = {}
    for cell in cells:
        table.setdefault(cell.name.method, {})[cell.name.student] = f"{100 * cell.mean:.1f} ± {100 * cell.spread:.1f}"
        accuracy.setdefault(cell.name.method, {})[cell.name.student] = cell.mean
    st.dataframe(
        pd.DataFrame([{"trained on": name} | {s: row.get(s, "") for s in students} for name, row in table.items()]),
        hide_index=True, key="condense_across", width="stretch",
    )  # fmt: skip
    st.caption(f"Mean and standard deviation over the seeds, {shown.per_class} items per class.")
    if len(students) < len(architectures.SIX):
        if shown.space == "embeddings":
            return
        st.caption("Do students trained on a condensed set rank architectures as students trained on everything do?")
        if st.button("Train six architectures", key="condense_six", disabled=shown.project.jobs.current() is not None):
            condense_also(shown.project, with_six(shown.project.recipe.condense))
        return
    on_all = accuracy.pop(FULL, {})
    agreed = {name: architectures.agreement(found, on_all) for name, found in accuracy.items()}
    lines = [
        f"**{theme.plain(name)}**: rank correlation {a.rho:.2f} over {a.n} architectures; a random order agrees "
        f"as well {100 * a.chance:.0f} times in 100"
        for name, a in agreed.items()
        if a is not None
    ]
    st.markdown("\n".join(f"- {line}" for line in lines))
    best = next((name for name in accuracy if on_all), None)
    if best is not None:
        figure = figures.architectures(accuracy[best], on_all, dark=theme.is_dark())
        st.plotly_chart(figure, key="condense_ranks", config=charts.picture("architectures"))
        st.caption(f"{theme.plain(best)} against everything, a point per architecture.")


def storage(shown: Shown) -> None:
    """Accuracy against bytes, and what each set cost."""
    cells = [c for c in shown.found.cells if c.name.student == shown.student and c.name.of == shown.of]
    cells += [c for c in shown.found.cells if c.name.method == FULL and c.name.student == shown.student and shown.of]
    figure = figures.over_bytes(cells, dark=theme.is_dark())
    st.plotly_chart(figure, key="condense_bytes", config=charts.picture("bytes"))
    st.caption(
        "A byte for every channel of a pixel, one channel for greys; two for a label, two per class for soft ones; two "
        "for every number of an embedding."
    )
    rows = [c for c in summary.order(cells) if c.bytes is not None]
    table = {
        "set": [theme.literal(c.name.method) for c in rows],
        "per class": [c.name.per_class for c in rows],
        "items": [c.items for c in rows],
        "bytes": [f"{c.bytes:,}" for c in rows],
        "soft labels": ["yes" if c.soft else "" for c in rows],
        "mosaic": [f"{c.parts} x {c.parts}" if c.parts > 1 else "" for c in rows],
        "passes to condense": [f"{c.passes:,.0f}" for c in rows],
        "condensing": [f"{c.seconds:.1f} s" for c in rows],
    }
    kept = {name: column for name, column in table.items() if any(column)}
    st.dataframe(pd.DataFrame(kept), hide_index=True, key="condense_costs", width="stretch", height="content")


def trade_off(shown: Shown) -> None:
    """Accuracy against realism, the depths of the prior among the sets."""
    cells = [c for c in shown.here if c.name.per_class == shown.per_class and c.realism]
    cells.sort(key=lambda c: c.realism["residual_ratio"])
    if cells:
        figure = figures.trade_off(cells, dark=theme.is_dark())
        st.plotly_chart(figure, key="condense_realism", config=charts.picture("realism"))
        st.caption(
            "As ratios to real images. Left over: what the principal components of the real images do not explain; "
            "below 1 a set is smoother than real images, above 1 it shows what they do not. Distance: to the nearest "
            "real image. Out of range: the share of pixels darker or brighter than almost all real ones at their place."
        )
        table = {
            "set": [theme.literal(c.name.method) for c in cells],
            "accuracy": [percent(c.accuracy) for c in cells],
            "left over": [f"{c.realism['residual_ratio']:.2f}" for c in cells],
            "distance": [f"{c.realism['ratio']:.2f}" for c in cells],
            "out of range": [f"{c.realism['out_of_range']:.0%}" for c in cells],
        }
        st.dataframe(pd.DataFrame(table), hide_index=True, key="condense_realism_table", width="stretch")
    sections = shown.project.recipe.condense
    if shown.space == "embeddings":
        st.info("Realism is a question to images; these sets hold embeddings.")
    elif len(more := with_depths(sections, shown.per_class, shown.of)) > len(sections):
        st.caption(
            "A small autoencoder of your images is a prior: a set is condensed in its latent, in the middle of its "
            "decoder or in the pixels, from the most real to the freest."
        )
        if st.button(
            "Condense at three depths", key="condense_depths", disabled=shown.project.jobs.current() is not None
        ):
            condense_also(shown.project, more)


def take_home(shown: Shown) -> None:
    """One set as files."""
    steps = {n: s for n, s in made.sets(shown.plan, shown.per_class, shown.of).items() if shown.plan.done(s)}
    name = st.selectbox("Set", list(steps), key="condense_take")
    if name is None:
        return
    trained = [
        step
        for step in shown.plan.of("judge")
        if step.shown["method"] == name and step.shown["per_class"] == shown.per_class and shown.plan.done(step)
        and step.shown["of"] == shown.of and not step.shown["like"]
    ]  # fmt: skip
    cards = [(step.shown["student"], shown.plan.workspace.card("judge", step.key)) for step in trained]
    said = about(shown.plan.workspace, steps[name].key, cards)
    for student, by in said["students"].items():
        if "loss_of_rounding" in by:
            st.caption(
                f"Rounded to 8 bits, {theme.plain(student)} reaches {100 * by['accuracy_8bit']:.1f} %; before rounding "
                f"{100 * by['accuracy']:.1f} % (mean over the seeds)."
            )
    whole = made.whole(shown.plan, steps[name])
    st.caption(
        f"{len(whole.labels)} items of the first seed as npz (8 bits, and unrounded), as a torch file with a loader, "
        "as PNG files with a manifest, and as one picture."
    )

    def packed() -> bytes:
        return zipped(shown.project, whole, said)

    st.download_button(
        "Download the set", packed, f"{name}-{shown.per_class}-per-class.zip", "application/zip",
        key="condense_zip", type="primary", on_click="ignore", icon=":material/download:",
    )  # fmt: skip
    st.code((Path(__file__).parent / "example.txt").read_text(encoding="utf-8"), language="python")


def zipped(project: Project, whole, said: dict) -> bytes:
    """The files of an export in one."""
    out = io.BytesIO()
    with tempfile.TemporaryDirectory() as temporary, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        folder = Path(temporary)
        write_set(folder, whole, project.store.classes, said, made_from(project.store, whole))
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder).as_posix())
    return out.getvalue()


VIEWS = {
    "Images": images,
    "Architectures": across,
    "Storage and passes": storage,
    "Realism": trade_off,
    "Take home": take_home,
}
