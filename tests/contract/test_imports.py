"""Imports go down only, and nothing heavy is imported before it is used. Read off the source, nothing is run."""

from __future__ import annotations

import ast
import graphlib
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Every room stands on a floor of its own, so that nothing is imported sideways between rooms either.
FLOORS = ("errors", "card", "data", "maths", "training", "methods", "engine", "ui")
FLOOR = {room: number for number, room in enumerate(FLOORS)} | {"recorder": FLOORS.index("training"), "packages": 0}
TOP = len(FLOORS)  # app.py, pages, the command line and what `import curation` gives
HEAVY = {
    "torch",
    "torchvision",
    "sklearn",
    "umap",
    "numba",
    "pynndescent",
    "cleanlab",
    "open_clip",
    "timm",
    "datasets",
    "ray",
}
FILES = sorted([*ROOT.glob("curation/**/*.py"), *ROOT.glob("pages/*.py"), *ROOT.glob("app.py")])


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def floor(module: str) -> int:
    """0 (bottom) to `TOP` of a module of this project."""
    room = module.split(".")[1] if module.startswith("curation.") else ""
    return FLOOR.get(room, TOP)


@cache
def imports(path: Path) -> list[tuple[str, bool]]:
    """(module, at top level) of every import in a file; `from a import b` counts as a.b where that is a module."""
    tree = ast.parse(path.read_text())
    annotations_only = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for child in ast.walk(node)
    }
    later = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.walk(node)
    }
    found = []
    for node in ast.walk(tree):
        if id(node) in annotations_only:
            continue
        top = id(node) not in later
        if isinstance(node, ast.Import):
            found += [(alias.name, top) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are written in full"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                is_module = (ROOT / Path(*inner.split("."))).with_suffix(".py").exists() or (
                    ROOT / Path(*inner.split("."))
                ).is_dir()
                found.append((inner if is_module else node.module, top))
    return found


def own(path: Path) -> list[str]:
    return [module for module, _ in imports(path) if module.split(".")[0] == "curation" and module != "curation"]


def own_imports() -> list[tuple[str, str]]:
    """(file, module of ours) of every import."""
    return [(name_of(path), module) for path in FILES for module in own(path)]


def imports_streamlit(path: Path) -> bool:
    return any(module.split(".")[0] == "streamlit" for module, _ in imports(path))


def test_there_is_something_to_check():
    assert len(FILES) > 30
    assert ("numpy", True) in imports(ROOT / "curation/maths/selection/greedy.py")
    assert ("torch", False) in imports(ROOT / "curation/maths/similarity/exact.py")


def test_imports_go_down_only():
    above = [(me, module) for me, module in own_imports() if floor(module) > floor(me)]
    assert not above, "a file imports a module that stands above it"


def arrows(inside: str, depth: int) -> dict[str, set[str]]:
    """Imports between what stands directly below `inside`: files and folders cut to `depth` parts of their name."""
    found: dict[str, set[str]] = {}
    for path in FILES:
        me = name_of(path)
        if not me.startswith(inside):
            continue
        mine = ".".join(me.split(".")[:depth])
        theirs = {".".join(m.split(".")[:depth]) for m in own(path) if m.startswith(inside)}
        found.setdefault(mine, set()).update(theirs - {mine})
    return found


def circle(graph: dict[str, set[str]]) -> list[str]:
    """One circle of a graph, as a path; empty where there is none."""
    try:
        tuple(graphlib.TopologicalSorter(graph).static_order())
    except graphlib.CycleError as error:
        return list(error.args[1])
    return []


FOLDERS = sorted({path.parent for path in FILES if path.parent.name and path.is_relative_to(ROOT / "curation")})


def test_no_file_imports_another_in_a_circle():
    assert not circle({name_of(path): set(own(path)) - {name_of(path)} for path in FILES})


def test_no_folder_imports_another_in_a_circle():
    assert len(FOLDERS) > 30
    for folder in FOLDERS:
        inside = ".".join(folder.relative_to(ROOT).parts)
        assert not circle(arrows(inside + ".", len(inside.split(".")) + 1)), inside


def test_no_product_file_imports_the_tests():
    asks = re.compile(r"^\s*(>>> )?(from|import) tests\b", re.MULTILINE)  # doctests are text
    assert not [name_of(path) for path in FILES if asks.search(path.read_text())]


def test_methods_are_reached_by_name_only():
    reached = [(me, module) for me, module in own_imports() if module.startswith("curation.methods.")]
    assert not reached, "methods are loaded by the registry, and never use each other"


def test_only_the_face_imports_streamlit():
    below = [path for path in FILES if floor(name_of(path)) < FLOOR["ui"] or name_of(path) == "curation.__main__"]
    assert not [name_of(path) for path in below if imports_streamlit(path)]


# Under curation/ui: what is computed, not drawn, so that it can be tested and moved without a page.
PURE = (
    *("grow/batches", "grow/curves", "map/clusters", "map/colours", "map/encoding", "map/lasso", "map/scene"),
    *("map/selection", "parts/catalogue", "parts/chart_style", "parts/charts"),
    *("parts/csv_download", "parts/thumbnails", "parts/tiles", "review/queue", "start/overview", "start/presets"),
    *("start/source_kind", "state/item_state", "verify/accuracy_figure", "verify/curve_figure", "verify/panels"),
    *("verify/proxy_check", "verify/summary", "verify/choices"),
)


def test_what_is_computed_for_a_page_imports_no_streamlit():
    assert not [name for name in PURE if imports_streamlit(ROOT / "curation/ui" / f"{name}.py")]


def test_nothing_heavy_is_imported_before_it_is_used():
    at_top = [(name_of(path), module) for path in FILES for module, top in imports(path) if top]
    heavy = [(me, module) for me, module in at_top if module.split(".")[0] in HEAVY]
    assert not heavy, "move it into the function that needs it"
