"""The reference of the API's problems has every one that can be answered, and no other."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

import pytest

from indexer import errors
from indexer.encoders.hub import NotOnThisMachineError
from indexer.errors import SearchError
from indexer.files.inside import OutsideError
from search.query.lexer import QuerySyntaxError
from search.remote.problems import RefusedError
from search.web.indexing.indexer import INDEXING
from search.web.mapping.maker import MAPPING
from search.web.problems import kind_of, problem_of
from search.web.told import _OF_HTTP
from tests.fixtures.paths import ROOT

REFERENCE = (ROOT / "docs" / "server.md").read_text().split("### Problems")[1].split("\n## ")[0]
#: Errors that no request meets: of who asks a server, of starting one, and of single files of a run.
NOT_ANSWERED = {"resident", "server", "unfit-value", "caption-file"}
LIBRARY = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, SearchError)]


def documented() -> dict[str, set[str]]:
    """The statuses of each type, as the two tables have them."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for names, status in re.findall(r"^\| (`[^|]+`) \| (\w+) \|", REFERENCE, re.MULTILINE):
        for name in re.findall(r"`([^`]+)`", names):
            found[name].add(status)
    return found


def raised() -> dict[str, set[str]]:
    """Those that the server makes itself, as its code has them."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for path in Path(ROOT / "search" / "web").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "ProblemError":
                status, kind = node.args[:2]
                if isinstance(kind, ast.Constant):
                    found[str(kind.value)].add("499" if isinstance(status, ast.Name) else ast.unparse(status))
                else:  # these are looked at below
                    assert ast.unparse(kind) in ("kind", "self.ended", "work.not_started"), (path, ast.unparse(node))
    for number, (name, _) in _OF_HTTP.items():
        found[name].add(str(number))
    for work in (INDEXING, MAPPING):
        found[work.ended].add("500")
        found[work.not_started].add("503")
    return found | {"http": {"4xx"}}


def test_every_problem_stands_in_the_reference_and_no_other() -> None:
    wanted = dict(raised())
    for each in (*LIBRARY, QuerySyntaxError):
        if kind_of(each) not in NOT_ANSWERED:
            wanted[kind_of(each)] = {
                str(problem_of(each("Said.", 0) if each is QuerySyntaxError else each("Said.")).status)
            }
    assert documented() == wanted


@pytest.mark.parametrize("error", [NotOnThisMachineError("It is not here."), OutsideError("It lies outside.")])
def test_what_is_known_here_alone_is_told_as_what_everybody_knows(error: SearchError) -> None:
    told = problem_of(error)
    assert (told.type, told.detail) == (kind_of(errors.published(error)), str(error))
    again = RefusedError(told.status, told.type, told.detail).as_error()
    assert type(again) is errors.published(error)
    assert isinstance(error, type(again))
