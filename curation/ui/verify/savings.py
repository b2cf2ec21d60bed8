"""What a subset saves: hours, money, energy and CO2, never without the accuracy difference beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np
import pandas as pd
import streamlit as st

from curation.data.budget import keep_words
from curation.engine.comparison import compare
from curation.engine.trials import FULL
from curation.maths.accounting.constants import DEVICES, REGIONS, Constants
from curation.maths.accounting.savings import Amount, Difference, Savings, savings
from curation.ui.parts import theme
from curation.ui.state.project import Project
from curation.ui.verify import proxy_check


def show(project: Project, runs: Sequence[dict], dark: bool) -> None:
    """Inputs on the left, each editable and with its source; the savings on the right."""
    cells = compare(runs, project.answers()).subsets
    full = {run["seed"]: run for run in runs if run["method"] == FULL}
    if not cells or not full:
        st.info("Train the full data and at least one subset to see what the subset saves.")
        return
    inputs, outcome = st.columns([1, 1.4], gap="large")
    with inputs:
        names = [f"{c.method} at {keep_words(c.keep)}" for c in cells]
        cell = cells[names.index(st.selectbox("Subset", names, key="save_subset"))]
        mine = [run for run in runs if (run["method"], run["keep"]) == (cell.method, cell.keep) and run["seed"] in full]
        account = next((a for a in proxy_check.accounts(project) if (a.name, a.keep) == (cell.method, cell.keep)), None)
        chosen_in = account.chosen_in / 3600 if account else 0.0
        here = float(np.mean([run["train_seconds"] for run in full.values()])) / 3600
        hours = st.number_input(
            "Hours per training on the full data", 0.0, value=here, format="%.4f", key="save_hours",
            help="Measured for this student on this machine; enter the hours of the model you will train.",
        )  # fmt: skip
        selection = st.number_input(
            "Hours to choose the subset", 0.0, value=chosen_in, format="%.4f", key="save_choosing",
            help="Embeddings, the recorded student, scores and the selection, as measured here.",
        )  # fmt: skip
        trainings = st.number_input("Trainings on the subset", 1, 100_000, 1, key="save_trainings")
        labels = st.number_input("Labels no longer needed", 0, value=0, key="save_labels")
        constants, hired = _constants()
    made = savings(
        differences=[run["accuracy"] - full[run["seed"]]["accuracy"] for run in mine],
        hours=hours,
        passes=cell.passes / float(np.mean([run["passes"] for run in full.values()])),
        selection=selection,
        trainings=int(trainings),
        hired=hired,
        labels=int(labels),
        constants=constants,
    )
    if cell.gap is not None and cell.gap.n:  # the interval that knows of the test items too
        low, high = cell.gap.interval()
        made = replace(made, accuracy=Difference(cell.gap.value, low, high, cell.gap.seeds))
    with outcome:
        _outcome(made)


def _outcome(made: Savings) -> None:
    accuracy = f":orange[{made.accuracy}]" if made.accuracy.mean < 0 else str(made.accuracy)
    st.markdown(f"**{accuracy}**, subset compared with the full data")
    table = [("device-hours", made.hours), ("energy, kWh", made.energy), ("CO2, kg", made.carbon)]
    table += [("money, $", made.money)] if made.money else []
    st.dataframe(
        pd.DataFrame([_line(name, amount) for name, amount in table]),
        hide_index=True,
        width="stretch",
        key="save_table",
    )
    worse = made.hours.saved < 0
    if worse:
        st.warning("Choosing this subset costs more than it saves.", icon=":material/info:")
    if np.isinf(made.break_even):
        st.markdown("It never pays for itself: training on it takes as long as on the full data.")
    elif made.break_even > 1 or worse:
        st.markdown(f"It pays for itself after **{made.break_even:,} trainings**.")
    if made.labelling:
        st.markdown(f"Labelling saved: **${made.labelling:,.0f}**")
    elif made.labelling is None:
        st.caption("Set the price of a label to see what labelling would save.")
    st.caption("Estimates, not measurements; formulas and sources are in docs/savings.md.")


def _line(name: str, amount: Amount) -> dict[str, str]:
    return {
        "": name,
        "full data": _figure(amount.before),
        "subset": _figure(amount.after),
        "saved": _figure(amount.saved),
        "range": "" if amount.low == amount.high else f"{_figure(amount.low)} to {_figure(amount.high)}",
    }


def _figure(value: float) -> str:
    return f"{value:,.1f}" if abs(value) >= 100 else f"{value:.3g}"


def _constants() -> tuple[Constants, bool]:
    """What the machine costs, from the defaults of a device and a region, each number editable."""
    left, right = st.columns(2)
    device = left.selectbox("Device", list(DEVICES), index=list(DEVICES).index("A100"), key="save_device")
    region = right.selectbox("Electricity from", list(REGIONS), key="save_region")
    hired = st.toggle(
        "Rented by the hour", value=True, key="save_hired", help="Otherwise the cost is that of electricity."
    )
    constants = Constants.of(device, region)
    with st.expander("Constants and their sources"):
        edited = {}
        for field in fields(constants):
            constant = getattr(constants, field.name)
            value = st.number_input(
                f"{field.name.replace('_', ' ').capitalize()}, {constant.unit}",
                0.0,
                value=None if constant.value is None else float(constant.value),
                placeholder="not set",
                format="%.4g",
                key=f"save_{field.name}_{device}_{region}",
            )
            st.caption(
                theme.plain(f"{constant.source} ({constant.standing}{', ' * bool(constant.date)}{constant.date})")
            )
            if value is not None and value != constant.value:
                edited[field.name] = float(value)
    return constants.edited(**edited), hired
