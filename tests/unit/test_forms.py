"""Forms drawn from the parameters of methods."""

from __future__ import annotations

from pathlib import Path

from streamlit.testing.v1 import AppTest


def _form_of_every_kind():
    from pathlib import Path  # noqa: F401 - the body runs as a script of its own
    from typing import Annotated, Literal

    import streamlit as st
    from pydantic import Field

    from curation.card import Card, Ref
    from curation.engine.registry import Method
    from curation.ui.parts.forms import form

    def select(
        view,
        budget,
        *,
        rng,
        by: Annotated[str, Ref("scores"), Field(description="Stands on.")] = "aum",
        end: Annotated[Literal["hard", "easy"], Field(description="Which end.")] = "hard",
        metric: Annotated[Literal["cosine", "euclidean", "manhattan", "chebyshev", "hamming"], Field()] = "cosine",
        cut: Annotated[float, Field(ge=0, le=0.5)] = 0.1,
        tiny: Annotated[float, Field(ge=0, le=1)] = 0.0025,
        rate: Annotated[float, Field(gt=0)] = 1e-4,
        weight: Annotated[float, Field(ge=-3, le=3)] = 1.0,
        speed: Annotated[float, Field(gt=0, le=10)] = 0.4,
        bins: Annotated[int, Field(ge=1, le=50)] = 20,
        epochs: Annotated[int, Field(ge=1, le=100_000)] = 30,
        limit: Annotated[int, Field(ge=1)] | None = None,
        fair: bool = True,
        path: Path | None = None,
        columns: list[str] = ["a", "b"],  # noqa: B006
        tag: Annotated[str, Field(min_length=2)] = "xy",
    ): ...

    method = Method("demo", "pruners", Card("Demo", ""), select, None, None, "Demo.")
    start = {"cut": 0.2, "fair": False}
    st.session_state.out = form(method, start, key="f", scores=["aum", "el2n"], exclude=["fair"])


def _run(script) -> AppTest:
    return AppTest.from_function(script, default_timeout=30).run()


def test_a_form_starts_at_the_given_values_and_the_defaults():
    app = _run(_form_of_every_kind)
    assert not app.exception
    assert app.session_state.out == {
        **{"by": "aum", "end": "hard", "metric": "cosine", "cut": 0.2, "tiny": 0.0025, "rate": 1e-4, "bins": 20},
        **{"weight": 1.0, "speed": 0.4},
        **{"epochs": 30, "limit": None, "fair": False, "path": None, "columns": ["a", "b"], "tag": "xy"},
    }


def test_a_form_returns_what_was_entered_as_plain_values():
    app = _run(_form_of_every_kind)
    app.selectbox("f.pruners.demo.metric").select("hamming")
    app.slider("f.pruners.demo.cut").set_value(0.35)
    app.number_input("f.pruners.demo.limit").set_value(7)
    app.text_input("f.pruners.demo.path").set_value("data/x")
    app.text_area("f.pruners.demo.columns").set_value("c\n\n d \n")
    out = app.run().session_state.out
    assert (out["metric"], out["cut"], out["limit"], out["columns"]) == ("hamming", 0.35, 7, ["c", "d"])
    assert out["path"] == Path("data/x")


def test_numbers_between_two_bounds_that_can_be_taken_are_slid_and_others_typed():
    app = _run(_form_of_every_kind)
    weight = app.slider("f.pruners.demo.weight").set_value(-0.7)
    assert (weight.min, weight.max, weight.step) == (-3, 3, 0.1)
    app.number_input("f.pruners.demo.speed").set_value(0.05)
    out = app.run().session_state.out
    assert (out["weight"], out["speed"]) == (-0.7, 0.05)


def test_a_form_says_in_one_line_what_is_wrong_and_returns_nothing():
    app = _run(_form_of_every_kind)
    app.text_input("f.pruners.demo.tag").set_value("x")
    app.run()
    assert app.session_state.out is None
    assert len(app.error) == 1
    assert "tag" in app.error[0].value


def test_a_parameter_the_page_sets_itself_is_not_asked_for():
    assert not _run(_form_of_every_kind).toggle


def _every_method():
    import streamlit as st

    from curation.engine.registry import all_methods, methods
    from curation.ui.parts.forms import form

    scores = list(methods("scores"))
    st.session_state.out = {
        f"{method.kind}/{method.id}": (method, form(method, {}, key="all", scores=scores)) for method in all_methods()
    }


def test_every_registered_method_has_a_form_that_starts_at_its_defaults():
    app = _run(_every_method)
    assert not app.exception
    assert len(app.session_state.out) > 2
    for name, (method, values) in app.session_state.out.items():
        required = [key for key, field in method.params.model_fields.items() if field.is_required()]
        assert values == (None if required else method.params().model_dump()), name
