"""A form for any method, drawn from the parameters it declares. No page knows the parameters of a method."""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import annotated_types
import streamlit as st
from pydantic.fields import FieldInfo

from curation.engine.registry import Method, methods
from curation.errors import RecipeError
from curation.ui.parts.theme import plain

_SLIDER_STEPS = 100  # whole numbers with a wider range are typed
_WIDEST = 10.0  # so are fractions, and those of a range over 1 with an open end


def form(
    method: Method,
    values: Mapping[str, Any],
    *,
    key: str,
    scores: Sequence[str] = (),
    exclude: Collection[str] = (),
) -> dict[str, Any] | None:
    """Draw one widget per parameter and return the parameters in full, as plain values.

    values: where the widgets start; what is missing starts at the method's default. scores: ids a parameter that
    names a score may take; other references are offered from the registry. exclude: parameters the page sets itself.
    Returns None while the values are not valid; the reason then stands below the form.
    """
    given = {}
    for name, field in method.params.model_fields.items():
        if name not in exclude:
            start = values.get(name, None if field.is_required() else field.get_default(call_default_factory=True))
            options = None
            if name in method.refs:
                kind = method.refs[name].kind
                options = list(scores) if kind == "scores" else list(methods(kind))
            given[name] = _widget(name, field, start, options, key=f"{key}.{method.kind}.{method.id}.{name}")
    fixed = {name: values[name] for name in exclude if name in values}
    # A required parameter left empty is reported as missing, not as a wrong None.
    required = {name for name, field in method.params.model_fields.items() if field.is_required()}
    entered = {name: value for name, value in given.items() if value is not None or name not in required}
    try:
        return method.validated({**fixed, **entered}, method.id)
    except RecipeError as error:
        st.error(plain(error), icon=":material/error:")
        return None


def humanised(name: str) -> str:
    """A parameter's name as a label.

    >>> humanised("batch_size")
    'Batch size'
    """
    words = name.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def _widget(name: str, field: FieldInfo, start: Any, options: list[str] | None, *, key: str) -> Any:
    """One widget and its value. An empty optional field is None."""
    about = {"label": humanised(name), "key": key, "help": plain(field.description) if field.description else None}
    kind, optional = _unwrapped(field.annotation)
    if options is not None:
        return _choice(options, start, optional, about)
    if typing.get_origin(kind) is Literal:
        return _choice(list(typing.get_args(kind)), start, optional, about)
    if kind is bool:
        return st.toggle(value=bool(start), **about)
    if kind in (int, float):
        return _number(kind, _bounds(field), _closed(field), start, optional, about)
    if kind in (str, Path):
        text = st.text_input(value="" if start is None else str(start), **about).strip()
        return text or (None if optional or field.is_required() else text)
    if typing.get_origin(kind) in (list, tuple):
        return _lines(typing.get_args(kind)[0], start, optional, about)
    raise NotImplementedError(f"no widget for the parameter {name!r} of type {field.annotation}")


def _choice(options: list, start: Any, optional: bool, about: dict) -> Any:
    if not options:
        st.selectbox(options=[], index=None, disabled=True, placeholder="no options yet", **about)
        return None
    if start not in options:
        start = None if optional else options[0]
    short = len(options) <= 4 and sum(len(str(option)) for option in options) <= 32
    if short and not optional:
        # Options of a segmented control are read as markdown, those of a select box are not.
        return st.segmented_control(options=options, default=start, required=True, format_func=_shown, **about)
    index = None if start is None else options.index(start)
    return st.selectbox(options=options, index=index, format_func=str, placeholder="none", **about)


def _shown(option: Any) -> str:
    return plain(option)


def _number(kind: type, bounds: tuple, closed: bool, start: Any, optional: bool, about: dict) -> Any:
    low, high = bounds
    if start is not None:
        start = kind(start)
        start = start if low is None else max(start, kind(low))
        start = start if high is None else min(start, kind(high))
    if low is not None and high is not None and not optional:
        low, high = kind(low), kind(high)
        start = low if start is None else start
        if kind is int and high - low <= _SLIDER_STEPS:
            return st.slider(min_value=low, max_value=high, value=start, step=1, **about)
        if kind is float and high - low <= (_WIDEST if closed else 1) and (step := _slider_step(start, high - low)):
            shown = "%.3f" if step == 0.001 else "%.2f"
            return st.slider(min_value=low, max_value=high, value=start, step=step, format=shown, **about)
    step = 1 if kind is int else _step(start)
    shown = None if kind is int else "%g"
    limits = {
        "min_value": None if low is None else kind(low),
        "max_value": None if high is None else kind(high),
    }
    hint = "none" if optional else None
    return st.number_input(value=start, step=step, format=shown, placeholder=hint, **limits, **about)


def _slider_step(start: float, width: float) -> float | None:
    """The largest usual step that meets where the slider starts; None where the number had better be typed.

    >>> _slider_step(1.0, 6.0), _slider_step(0.13, 1.0), _slider_step(0.333, 6.0)
    (0.1, 0.01, None)
    """
    steps = (0.1,) if width > 1 else (0.05, 0.01, 0.001)
    met = (step for step in steps if abs(start / step - round(start / step)) < 1e-9 and width > step)
    return next(met, None if width > 1 else 0.001)


def _step(start: float | None) -> float:
    """A tenth of the magnitude a number starts at, so that its buttons make useful steps."""
    if not start:
        return 0.1
    return 10.0 ** (math.floor(math.log10(abs(start))) - (abs(start) >= 1))


def _lines(kind: type, start: Any, optional: bool, about: dict) -> list | None:
    about["label"] += " (one per line)"
    text = st.text_area(value="\n".join(str(value) for value in start or ()), height=100, **about)
    entries = [line.strip() for line in text.splitlines() if line.strip()]
    return entries or (None if optional else [])


def _unwrapped(annotation: Any) -> tuple[Any, bool]:
    """`X | None` to (X, True), `X` to (X, False). Of several types the first stands for all."""
    optional = False
    while (origin := typing.get_origin(annotation)) in (typing.Annotated, typing.Union, types.UnionType):
        options = typing.get_args(annotation)
        if origin is not typing.Annotated:
            optional |= type(None) in options
        annotation = next(option for option in options if option is not type(None))
    return annotation, optional


def _bounds(field: FieldInfo) -> tuple[float | None, float | None]:
    """Lowest and highest value a field admits; open bounds are left to the validation."""
    low = high = None
    for mark in _marks(field):
        if isinstance(mark, (annotated_types.Ge, annotated_types.Gt)):
            low = getattr(mark, "ge", getattr(mark, "gt", None))
        elif isinstance(mark, (annotated_types.Le, annotated_types.Lt)):
            high = getattr(mark, "le", getattr(mark, "lt", None))
    return low, high


def _closed(field: FieldInfo) -> bool:
    """Whether both bounds may be taken. What must be above 0, as a step size, is chosen by its magnitude: typed."""
    return not any(isinstance(mark, (annotated_types.Gt, annotated_types.Lt)) for mark in _marks(field))


def _marks(field: FieldInfo) -> list[Any]:
    marks = list(field.metadata)
    for option in typing.get_args(field.annotation):  # bounds inside `Annotated[int, ...] | None`
        marks += [m for inner in getattr(option, "__metadata__", ()) for m in getattr(inner, "metadata", [inner])]
    return marks
