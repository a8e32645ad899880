"""What is said over HTTP names commands of the shell and names of the API, and no call of Python."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from search.console.wording import in_shell_words
from search.web.models.answers import Asked
from search.web.wording import PARAMETERS, in_api_words
from tests.fixtures.sentences import sentences
from tests.fixtures.web import client_of, problem

CODE = re.compile(r"`")
CALLED = re.compile(r"`[^`]*\w\([^`]*`|`[A-Z]\w*\.")
#: Of a Python package or of a program, not of a client.
KEPT = ("A query that is a str is words", "like:- is standard input")


@pytest.mark.parametrize(
    ("library", "api"),
    [
        ("`repair()` saves it.", "`search doctor --repair` saves it."),
        ("make one with `index(FOLDER)`.", "make one with `search index FOLDER`."),
        ("`open(..., encoder='a b').index(reencode=True)`", "`search index --reencode --encoder 'a b'`"),
        ("another `store`, or `rerank=0`, or `k=3`", "another `--store`, or `rerank=0`, or `k=3`"),
        ("`min_probability=0.05` or `min_probability`", "`min_probability=0.05` or `min_probability`"),
        ("leave out `to='text'`", "leave out `to='text'`"),
        ("as `Hit.id`, `Results.cursor`, `Page.cursor`", "as `id`, `cursor`, `cursor`"),
        ("`pip install torch` and `a", "`pip install torch` and `a"),
    ],
)
def test_calls_become_commands_and_parameters_stay(library: str, api: str) -> None:
    assert in_api_words(library) == api


def test_no_sentence_that_can_reach_a_client_names_a_call() -> None:
    said = [each for each in set(sentences(CODE)) if not each.startswith(KEPT)]
    assert len(said) > 100
    assert [each for each in map(in_api_words, said) if CALLED.search(each)] == []


def test_what_was_said_so_stays_and_reads_in_the_shell_as_the_librarys_own() -> None:
    for said in set(sentences(CODE)):
        api = in_api_words(said)
        assert in_api_words(api) == api
        assert in_shell_words(api) == in_shell_words(said)


def test_the_parameters_are_those_of_the_api() -> None:
    assert PARAMETERS - {"cursor", "kind", "limit"} <= set(Asked.model_fields)  # and these of a listing


def test_a_store_that_is_missing_and_cursors_that_are_none(client: TestClient, tmp_path: Path) -> None:
    with client_of(tmp_path / "none") as other:
        assert "make one with `search index FOLDER`" in problem(other.get("/status"), 503, "store-missing")
    assert problem(client.get("/items", params={"cursor": "x"}), 422, "usage").endswith("; pass `cursor` as it is.")
    said = problem(client.get("/search", params={"q": "a", "after": "x"}), 422, "usage")
    assert said.endswith("; pass `cursor` as it is.")
    assert problem(client.get("/search?q=like:%23999999"), 422, "usage").endswith("an answer gave, as `id`.")
