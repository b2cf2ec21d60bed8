"""The job strip on every page: what is being computed, how far it is, and a button to stop it.

The job is another process. The strip reads the job's row once a second while it runs, and not at all when idle. It
holds no state, so reloads, page changes and restarts of the server do not affect it.
"""

from __future__ import annotations

from pathlib import Path

import humanize
import streamlit as st

from curation.engine.jobs import Job
from curation.ui.parts import theme
from curation.ui.server.uploads import as_sent
from curation.ui.state.project import Project

SHOWN = ("source", "encode", "score", "flag", "map")  # stages whose results pages show one by one

WORDS = {
    "done": "finished",
    "failed": "failed",
    "cancelled": "was stopped; finished results are kept",
    "lost": "ended unexpectedly (it was killed, or the machine restarted); finished results are kept",
}


def job_strip(project: Project, *, live: bool = False) -> None:
    """Show the current job, or how the last one ended until that is dismissed.

    live: draw the whole page again for every result of the analysis that comes, not only at the end.
    """
    job = next(iter(project.jobs.all()), None)
    if job is not None and job.active:
        st.fragment(_running, run_every=1.0)(project, job.number, live)
    elif job is not None:
        _ended(project, job)


def _running(project: Project, number: int, live: bool) -> None:
    job = next((job for job in project.jobs.all() if job.number == number), None)
    if job is None or not job.active:
        st.rerun()  # the whole page: there are new results to show, or the project was deleted in another tab
    st.session_state[f"watched:{project.name}:{number}"] = True
    if live:
        _show_what_is_new(project.folder, number)
    with st.container(border=True, key="jobstrip"):
        text, stop = st.columns([8, 1], vertical_alignment="center")
        step = f"{job.label}" if job.steps else "starting"
        count = f" · {job.done:,} of {job.total:,}" if job.total else ""
        more = f" · {job.message}" if job.message else ""
        eta = f" · about {_duration(job.eta)} left in this step" if job.eta is not None else ""
        where = f"step {job.step} of {job.steps}: " if job.steps else ""
        text.progress(job.share, text=theme.plain(f"{job.title} · {where}{step}{count}{more}{eta}"))
        # A callback is called before anything is drawn: a click elsewhere right after it cannot get in between.
        stop.button(
            "Stop", key="job_stop", icon=":material/stop_circle:", width="stretch",
            on_click=project.jobs.cancel, args=(number,),
        )  # fmt: skip


def _show_what_is_new(folder: Path, number: int) -> None:
    """Draw the whole page again when a result of the analysis has come, so that it is seen before all are there."""
    project, session = Project(folder), st.session_state
    come = tuple(step.key for step in project.plan.steps if step.stage in SHOWN and project.plan.done(step))
    seen = f"come:{project.name}:{number}"
    if come != session.setdefault(seen, come):
        session[seen] = come
        st.rerun()


def _ended(project: Project, job: Job) -> None:
    seen = f"dismissed:{project.name}:{job.number}"
    if st.session_state.get(seen):
        return
    if job.state == "done":
        if st.session_state.pop(f"watched:{project.name}:{job.number}", False):
            st.toast(f"{theme.plain(job.title)}: finished in {_duration(job.finished - job.created)}")
        st.session_state[seen] = True
        return
    with st.container(border=True, key="jobstrip"):
        text, log, close = st.columns([8, 1, 1], vertical_alignment="center")
        said = f": {as_sent(job.error)}" if job.error else ""
        mark = st.error if job.state == "failed" else st.warning
        with text:
            mark(theme.plain(f"{job.title} {WORDS[job.state]}{said}"))
        with log.popover("Log", width="stretch"):
            st.code(
                theme.literal(as_sent(project.jobs.log_text(job.number))) or "the log is empty",
                language=None,
            )
        if close.button("Dismiss", key="job_dismiss", width="stretch"):
            st.session_state[seen] = True
            st.rerun()


def _duration(seconds: float) -> str:
    """Seconds as a person says them.

    >>> _duration(8.4), _duration(75), _duration(4000)
    ('8 seconds', '1 minute and 15 seconds', '1 hour and 7 minutes')
    """
    unit = "seconds" if seconds < 3600 else "minutes"
    return humanize.precisedelta(max(seconds, 0), minimum_unit=unit, format="%.0f")  # the clock may have been put back
