"""like:#12: an indexed photograph as a part of a query, by what is stored of it; no file is read."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import search
from search.query.query import Query
from search.query.terms import Term, item_named
from tests.conftest import Cli
from tests.fixtures.colour_encoder import ColourTokenEncoder
from tests.fixtures.damaged import run


@pytest.fixture
def library(tmp_path: Path) -> Iterator[search.Library]:
    """Nine pictures in colours, a caption of one."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for red in (0, 120, 240):
        for green in (0, 120, 240):
            Image.new("RGB", (16, 16), (red, green, 90)).save(folder / f"{red}-{green}.png")
    (folder / "captions.jsonl").write_text(json.dumps({"image": "240-0.png", "captions": ["red"]}))
    with search.open(tmp_path / "s", encoder=ColourTokenEncoder()) as opened:
        opened.index(folder)
        yield opened


def item_of(library: search.Library, name: str) -> search.Item:
    [found] = library.items(where=search.Filter(name=name))
    return found


def ids(results: search.Results) -> list[int]:
    return [hit.id for hit in results]


@pytest.mark.parametrize(("line", "file_line"), [
    ("like:#{id}", "like:\"{path}\""),
    ("like:#{id} red", "like:\"{path}\" red"),
    ("red - like:#{id}", "red - like:\"{path}\""),
    ("2*like:#{id} + 0.5*blue", "2*like:\"{path}\" + 0.5*blue"),
    ("like:#{id} to:text", "like:\"{path}\" to:text"),
    ("like:#{id} name:0-*", "like:\"{path}\" name:0-*"),
])  # fmt: skip
def test_it_finds_what_its_file_finds(library: search.Library, line: str, file_line: str) -> None:
    item = item_of(library, "240-0.png")
    wanted = library.query(Query.parse(file_line.format(path=item.path)), k=9)
    found = library.query(Query.parse(line.format(id=item.id)), k=9)
    assert [(hit.id, hit.score, hit.same, hit.estimate) for hit in found] == [
        (hit.id, hit.score, hit.same, hit.estimate) for hit in wanted
    ]
    assert len(found) > 0


def test_no_file_is_read_and_none_has_to_be_there(library: search.Library) -> None:
    item = item_of(library, "240-0.png")
    before = ids(library.query(Query.parse(f"like:#{item.id}"), k=9))
    shutil.rmtree(library.folder.parent / "photos")
    found = library.query(Query.parse(f"like:#{item.id} + blue"), k=9)
    assert ids(library.query(Query.parse(f"like:#{item.id}"), k=9)) == before
    assert found[0].missing


def test_results_call_it_by_its_id(library: search.Library) -> None:
    item = item_of(library, "120-120.png")
    assert library.query(Query.parse(f"like:#{item.id}"), k=1).query == f"like:#{item.id}"
    assert library.query(Query.parse(f"like:#{item.id} at night"), k=1).query == f"like:#{item.id} + at night"


def test_of_many_queries_one_that_is_not_there_loses_no_other(library: search.Library) -> None:
    item = item_of(library, "120-120.png")
    first, second, third = library.query_many([Query.parse(f"like:#{item.id}"), Query.parse("like:#999"), "red"], k=2)
    assert len(first) == len(third) == 2
    assert isinstance(second.error, search.UsageError)
    assert str(second.error) == ("No photograph has the id 999; take one that an answer gave, as `Hit.id`.")


def test_a_text_or_a_photograph_that_is_gone_is_none(library: search.Library) -> None:
    [text] = library.items(kind="text")
    with pytest.raises(search.UsageError, match=f"No photograph has the id {text.id};"):
        library.query(Query.parse(f"like:#{text.id}"))
    item = item_of(library, "120-120.png")
    Path(item.path).unlink()
    library.index(library.folder.parent / "photos")
    with pytest.raises(search.UsageError, match=f"No photograph has the id {item.id};"):
        library.query(Query.parse(f"like:#{item.id}"))


def test_a_vector_that_is_damaged_is_said(library: search.Library) -> None:
    item = item_of(library, "120-120.png")
    library.close()
    run(
        library.folder / "catalog.sqlite",
        "UPDATE vector SET data = zeroblob(length(data)) WHERE content_id = (SELECT content_id FROM item WHERE id = ?)",
        values=(item.id,),
    )
    numbers = [each.id for each in library.items()]
    told = []
    for number in numbers:
        try:
            library.query(Query.parse(f"like:#{number}"), k=1)
        except search.DamagedImageError as error:
            told.append(str(error))
    assert told == [
        f"The photograph {item.id} cannot be asked with, because its vector is damaged; `repair()` removes it, and "
        "`index()` makes it anew."
    ]


@given(st.integers(0, 10**18 - 1), st.sampled_from([1.0, -1.0, 2.5, -0.25]), st.booleans())
def test_it_is_printed_as_it_is_read(number: int, weight: float, with_words: bool) -> None:
    query = Query(terms=(*Query(text="a dog").terms, Term(item=number, weight=weight)))
    if weight > 0 and not with_words:
        query = Query(terms=(Term(item=number, weight=weight),))
    assert f"like:#{number}" in str(query)
    assert Query.parse(str(query)) == query
    assert Query.parse(f'like:"#{number}"').terms == (Term(item=number),)


@given(st.text(max_size=8))
def test_other_names_are_names_of_files(name: str) -> None:
    is_id = name[:1] == "#" and len(name) > 1 and all(char in "0123456789" for char in name[1:])
    assert (item_named(name) is not None) == is_id


def test_a_file_of_such_a_name_has_a_dot_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("RGB", (16, 16), "red").save(tmp_path / "x.png")
    (tmp_path / "x.png").rename(tmp_path / "#12")
    monkeypatch.chdir(tmp_path)
    assert Query.parse("like:#12").terms == (Term(item=12),)
    assert Query.parse("like:./#12").image == str(tmp_path / "#12")


def test_on_the_command_line(cli: Cli, indexed: Path) -> None:
    with search.open(indexed) as opened:
        cat = item_of(opened, "chelsea.png")
        line = f"like:#{cat.id} at night"
        wanted = [hit.path for hit in opened.query(Query.parse(line), k=3)]
    for arguments in ((line,), (f"like:#{cat.id}", "at", "night"), ("at", "night", "--like", f"#{cat.id}")):
        answer = cli("query", *arguments, "-s", indexed, "-k", 3, "--paths")
        assert (answer.code, answer.out.splitlines()[0]) == (0, wanted[0]), arguments
    answer = cli("query", "like:#999999", "-s", indexed)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("search: No photograph has the id 999999;")
