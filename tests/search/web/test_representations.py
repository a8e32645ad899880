"""What the shell prints, as answers of the server: the same to the last byte."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from search.resident.plain_query import target_of
from search.resident.wire import EXIT_CODE, HERE, JSON, PATHS, SAID, TABLE, TERMINAL, percent, unpercent
from search.web.settings import ServeSettings
from tests.conftest import Cli
from tests.e2e.test_bad_queries import WRONG
from tests.fixtures.web import client_of, problem

PLAIN = [
    ["a cat"],
    ["a cat", "-k", "3", "--json"],
    ["a cat", "--paths"],
    ["a cat", "-0", "-k", "2"],
    ["a cat", "--explain", "-k", "2"],
    ["a cat", "--no-rerank"],
    ["a cat", "--to", "any"],
    ["a cat", "--to", "text", "--json"],
    ["a cat", "--min-probability", "0.99", "--paths"],
    ["a cat", "--min-probability", "0.99"],
    ["a cat", "-k", "30", "a", "dog"],
    ["--text", "photos/chelsea.png"],
    ["a cat -dog type:png"],
    ["a cat sort:-size min:0.1%", "-k", "2"],
    ["a", "cat", "--not", "dog", "--type", "png", "--sort", "-date", "--json"],
    ["type:png", "--paths", "-k", "2"],
    ["type:png", "-0"],
    ["sort:-size", "-k", "2"],
    ["near:Paris"],
    ["near:new york"],
    ["york skyline", "--near", "new york"],
    ["type:heic"],
    ["type:heic", "--json"],
    ["type:heic", "--paths"],
    ["a cat", "--all-copies", "--no-by-words", "--templates"],
    ["über", "--in", "1970..2100"],
    ["camera:iphone 12"],
    ["not a cat"],
]


def without_times(text: str) -> str:
    return re.sub(r'"seconds": \{[^}]*\}', "", text)


def asked(client: TestClient, arguments: list[str], here: Path) -> tuple[int, str, str] | None:
    """What the command prints of an answer; None where it has to answer itself."""
    found = target_of(arguments)
    if found is None:
        return None
    target, form = found
    answer = client.get(f"{target}&paths=true", headers={"Accept": form, HERE: percent(os.fsencode(here))})
    if answer.status_code != 200:
        return None
    assert answer.headers["content-type"].partition(";")[0] == form
    said = [unpercent(each).decode() for each in answer.headers.get_list(SAID)]
    return int(answer.headers[EXIT_CODE]), answer.content.decode(), "".join(f"search: {each}\n" for each in said)


@pytest.mark.parametrize("arguments", PLAIN)
def test_a_plain_query_is_answered_as_the_command_answers(
    arguments: list[str], client: TestClient, cli: Cli, indexed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(indexed.parent)
    alone = cli("query", *arguments, "-s", indexed, "--no-resident")
    found = asked(client, arguments, indexed.parent)
    assert found is not None
    code, out, err = found
    assert (code, without_times(out), err) == (alone.code, without_times(alone.out), alone.err)


def test_what_is_wrong_is_left_to_the_command(
    client: TestClient, cli: Cli, indexed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(indexed.parent)
    refused = [target_of(arguments) is not None for arguments, _, _ in WRONG]
    assert any(refused)
    assert [arguments for arguments, _, _ in WRONG if asked(client, arguments, indexed.parent) is not None] == []


def test_paths_are_relative_to_the_folder_of_who_reads(client: TestClient, indexed: Path) -> None:
    whole = os.fspath(indexed.parent / "photos" / "chelsea.png")
    for here, shown in ((indexed.parent, "photos/chelsea.png"), (indexed.parent / "photos", "chelsea.png")):
        found = asked(client, ["a cat", "-k", "1"], here)
        assert found is not None
        assert f"  {shown}  " in found[1]
        assert asked(client, ["a cat", "-k", "1", "--paths"], here) == (0, f"{whole}\n", "")
    plain = client.get("/search?q=a+cat&k=1&paths=true", headers={"Accept": TABLE})
    assert f"  {whole}  " in plain.text
    headed = client.get("/search?q=a+cat&k=1&paths=true", headers={"Accept": TABLE, TERMINAL: "1", HERE: "%zz"})
    assert headed.text.splitlines()[0].split() == ["#", "score", "prob.", "path"]


def test_over_tcp_names_are_told_and_no_paths_unless_they_are_asked_for(client: TestClient, indexed: Path) -> None:
    answer = client.get("/search?q=a+cat&k=1", headers={"Accept": TABLE})
    assert "  photos/chelsea.png  " in answer.text
    assert str(indexed.parent) not in answer.text
    assert "ETag" not in answer.headers  # a file may be gone, and the store be as it was
    assert answer.headers["Vary"] == "Accept"
    assert client.get("/search?q=a+cat&k=1").headers["Vary"] == "Accept"
    with client_of(indexed, ServeSettings(show_paths=False)) as shy:
        assert shy.get("/search?q=a+cat&k=1", headers={"Accept": TABLE}).text == answer.text
        for form in (PATHS, JSON):
            problem(shy.get("/search?q=a+cat&k=1", headers={"Accept": form}), 403, "paths-not-told")


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("text/plain", TABLE),
        ("TEXT/PLAIN; q=0.5", TABLE),
        ("text/html, text/plain;q=0.9, */*;q=0.8", TABLE),
        ("application/json, text/plain", "application/json"),
        ("text/plain;q=0.5, application/json;q=0.9", "application/json"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "application/json"),
        ("*/*", "application/json"),
        ("image/png", "application/json"),
        ("text/plain;q=x", "application/json"),
        ("", "application/json"),
        (JSON, JSON),
        (PATHS, PATHS),
    ],
)
def test_the_form_is_what_the_client_prefers(client: TestClient, accept: str, kind: str) -> None:
    answer = client.get("/search?q=a+cat&k=1", headers={"Accept": accept})
    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, kind)
    again = client.post("/search", json={"q": "a cat", "k": 1}, headers={"Accept": accept})
    assert (again.status_code, again.headers["content-type"].partition(";")[0]) == (200, kind)


def test_fields_beside_the_line(client: TestClient) -> None:
    def ids(**asked: object) -> list[int]:
        return [hit["id"] for hit in client.get("/search", params=asked).json()["hits"]]  # type: ignore[arg-type]

    assert ids(q="a cat type:png", k=5) == ids(q="a cat", field="type:png", k=5) != ids(q="a cat", k=5)
    assert ids(field=["type:png", "sort:-size"]) == ids(q="type:png sort:-size")
    assert ids(q="a cat not:dog", k=5) == ids(q="a cat", field="not:dog", k=5)
    for wrong, said in (
        ({"q": "x", "field": "camra:x"}, "`field` takes a field and its value, as in near:Paris, not 'camra:x'."),
        ({"q": "x", "field": "in:"}, "`field` takes a field and its value, as in near:Paris, not 'in:'."),
        ({"q": "x", "field": "in:2021-13"}, "in: 2021-13 is no date: there is no month 13."),
        (
            {"q": "x sort:date", "field": "sort:size"},
            "sort size and sort: in the query say different things; give one.",
        ),
        ({"q": "like:upload:nope"}, "like:upload:nope names no upload; take the name that POST /uploads"),
        ({"q": "like:#abc"}, "like:#abc names no photograph; take its number from the `id` of an answer."),
        ({"q": "x", "field": "like:/etc/passwd"}, "like:/etc/passwd names a file, which a server opens for nobody"),
    ):
        assert problem(client.get("/search", params=wrong), 422, "usage").startswith(said)  # type: ignore[arg-type]
    problem(client.get("/search"), 422, "empty-query")
