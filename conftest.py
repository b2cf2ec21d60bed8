"""What doctests may use without importing it: the library's examples run on the tests' toy data, `tests/toy.py`."""

from __future__ import annotations

import os

if "PYTEST_XDIST_WORKER" in os.environ:  # a test process per core: before any library counts the cores for its threads
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

from tests import toy

collect_ignore = ["curation/ui/app.py"]  # importing it tells Streamlit that this process serves the app


def pytest_collection_modifyitems(items):
    """Files with slow tests come first: one that is left to the end keeps one process busy and the others waiting."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(autouse=True)
def _toy_for_doctests(doctest_namespace):
    doctest_namespace["toy"] = toy
