"""What doctests may use without importing it: the library's examples run on the tests' toy data, `tests/toy.py`."""

from __future__ import annotations

import os

if "PYTEST_XDIST_WORKER" in os.environ:  # a test process per core: before any library counts the cores for its threads
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

from tests import toy

collect_ignore = ["curation/ui/app.py"]  # importing it tells Streamlit that this process serves the app


def pytest_collection_modifyitems(items):
    """Slow tests come first: one that is left to the end keeps a single process busy and the others waiting."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(autouse=True)
def _toy_for_doctests(doctest_namespace):
    doctest_namespace["toy"] = toy
