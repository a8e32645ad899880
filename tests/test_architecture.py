"""The shape of the two packages: which module may import which. Imports inside functions count too."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping

from tests.fixtures.paths import ROOT

Graph = dict[str, set[str]]


def modules() -> dict[str, ast.Module]:
    """Both packages, by their names. Their own `__init__` are left out: they name what users import."""
    found = {}
    for package in ("search", "indexer"):
        for path in (ROOT / package).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            if name != package:
                found[name] = ast.parse(path.read_text())
    return found


def imported(tree: ast.Module) -> set[str]:
    """Every name that may be a module: `import a.b`, `from a.b import c` as a.b and a.b.c."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None, "no relative imports here"
            assert not node.level, "no relative imports here"
            names |= {node.module, *(f"{node.module}.{each.name}" for each in node.names)}
    return names


def graph_of_modules() -> Graph:
    trees = modules()
    return {name: (imported(tree) & trees.keys()) - {name} for name, tree in trees.items()}


def room(module: str) -> str:
    """A sub-package, or a module that stands beside them."""
    return ".".join(module.split(".")[:2])


def graph_of_rooms() -> Graph:
    rooms: Graph = {}
    for module, targets in graph_of_modules().items():
        rooms.setdefault(room(module), set()).update(room(target) for target in targets)
    return {name: targets - {name} for name, targets in rooms.items()}


def reachable(graph: Mapping[str, Iterable[str]], start: str) -> set[str]:
    seen: set[str] = set()
    waiting = list(graph[start])
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting.extend(graph[name])
    return seen


def circles(graph: Mapping[str, Iterable[str]]) -> set[frozenset[str]]:
    """Sets of nodes that all lead to each other."""
    leads = {name: reachable(graph, name) for name in graph}
    return {frozenset(other for other in leads[name] if name in leads[other]) for name in graph if name in leads[name]}


def test_a_circle_is_seen() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": set(), "e": {"a"}}
    assert circles(graph) == {frozenset("abc")}


def test_imports_inside_functions_are_seen() -> None:
    code = "import a.b\ndef f():\n    from c.d import e\nif TYPE_CHECKING:\n    import g\n"
    assert imported(ast.parse(code)) == {"a.b", "c.d", "c.d.e", "g"}
    assert "search.shell.cli" in graph_of_modules()["search.shell.run"]


def test_modules_import_in_no_circle() -> None:
    assert circles(graph_of_modules()) == set()


def test_rooms_import_in_no_circle() -> None:
    assert circles(graph_of_rooms()) == set()


def test_the_indexer_knows_nothing_of_the_search() -> None:
    wrong = {
        name
        for name, tree in modules().items()
        if name.startswith("indexer.")
        and any(target == "search" or target.startswith("search.") for target in imported(tree))
    }
    assert wrong == set()


def test_the_stages_that_an_engine_maps_know_no_catalog_and_no_store() -> None:
    modules_ = graph_of_modules()
    for stage in ("decode", "encode", "values"):
        seen = reachable(modules_, f"indexer.pipeline.{stage}")
        assert "indexer.types" in seen
        assert not {name for name in seen if room(name) in {"indexer.catalog", "indexer.store", "indexer.vectors"}}
    assert "indexer.catalog.catalog" in reachable(modules_, "indexer.pipeline.write")


def test_what_only_sqlite_understands_stands_in_its_own_files() -> None:
    words = re.compile(r"\b(sqlite3|PRAGMA (?!no cover)|sqlite_\w+|dialects\.sqlite|rowid)\b", re.IGNORECASE)
    found = {
        path.relative_to(ROOT).as_posix()
        for package in ("indexer", "search")
        for path in (ROOT / package).rglob("*.py")
        if words.search(path.read_text(encoding="utf-8"))
    }
    assert found == {
        "indexer/catalog/expressions.py",  # as each database writes it
        "indexer/catalog/full_text.py",
        "indexer/catalog/full_text_names.py",
        "indexer/catalog/sqlite.py",
        "indexer/catalog/sqlite_derived.py",
        "indexer/catalog/sqlite_errors.py",
        "indexer/catalog/sqlite_ids.py",
        "indexer/catalog/sqlite_pages.py",
        "indexer/catalog/sqlite_rows.py",
        "indexer/catalog/sqlite_sums.py",
        "indexer/catalog/sqlite_tables.py",
    }


def test_faiss_and_its_files_are_known_to_the_vectors_alone() -> None:
    """Others see `VectorBackend`, so that a server can stand behind it; the plan works out how many lists it makes."""
    words = re.compile(r"^\s*(import|from) faiss\b|\bfaiss_files\b", re.MULTILINE)
    found = {
        path.relative_to(ROOT).parts[:2]
        for package in ("indexer", "search", "tools")
        for path in (ROOT / package).rglob("*.py")
        if words.search(path.read_text(encoding="utf-8"))
    }
    assert found == {("indexer", "vectors"), ("tools", "scale")}


def test_the_protocol_of_vectors_knows_no_backend() -> None:
    """`chosen.py` alone says which backend a store has."""
    found = {
        path.name
        for path in (ROOT / "indexer" / "vectors").rglob("*.py")
        if "vectors.backends" in path.read_text(encoding="utf-8")
    }
    inside = {path.name for path in (ROOT / "indexer" / "vectors" / "backends").rglob("*.py")}
    assert "chosen.py" in found
    assert found <= inside


def test_benchmarks_and_tools_import_what_is_there() -> None:
    """No test runs them, and no type checker reads the benchmarks."""
    missing = []
    for path in (*(ROOT / "tests" / "benchmarks").glob("*.py"), *(ROOT / "tools").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.ImportFrom) or node.module is None:
                continue
            source = ROOT.joinpath(*node.module.split("."))
            if (source.parent / f"{source.name}.py").exists():
                there = names_of(ast.parse((source.parent / f"{source.name}.py").read_text()))
                missing += [f"{path.name}: {node.module}.{each.name}" for each in node.names if each.name not in there]
    assert not missing


def names_of(tree: ast.Module) -> set[str]:
    """What a module defines or imports, at any depth."""
    found = imported_names(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
    return found


def imported_names(tree: ast.Module) -> set[str]:
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    return {each.asname or each.name for node in nodes for each in node.names}
