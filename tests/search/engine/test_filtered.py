"""Answers with conditions: the same as from a ranking of everything with plain Python, for every type of index."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import search
from indexer.catalog.criteria import Criterion
from indexer.catalog.encoders import Encoders
from indexer.catalog.files import Files
from indexer.catalog.items import Items
from indexer.catalog.vectors import Vectors
from indexer.pipeline.ingest import Ingest
from indexer.pipeline.values import NewImage
from indexer.progress import Silent
from indexer.store import Store
from indexer.store_address import store_folder
from indexer.types import Candidate, Int64, Kind, Metadata, Report
from indexer.vectors.backend import FEW
from indexer.vectors.base import INDEX_TYPES, SearchParameters
from indexer.vectors.refresh import build_indexes
from search.engine import eligible
from search.query.filter import Filter
from search.query.query import Query
from tests.fixtures.given_encoder import GivenEncoder, pixels_of

COUNT: Final = 1_200
TAIL: Final = 60
DIMENSION: Final = 16
#: Every list and every candidate of an index.
ALL = SearchParameters(effort=100_000)


class Shot:
    """A photograph of the collection: `name` of its file, `year`, `camera`, `size`, `wide`."""

    def __init__(self, number: int) -> None:
        drawn = random.Random(number)
        self.number = number
        self.year = drawn.choice((2019, 2020, 2021))
        self.camera = drawn.choices(("Pixel 6", "Canon EOS", None), (10, 5, 1))[0]
        self.size = drawn.randrange(1_000, 2_000)
        self.wide = drawn.random() < 0.9
        self.path = f"/photos/{drawn.choice(('trips', 'home'))}/{number:05}.jpg"
        self.text = f"text {number}"

    def image(self) -> NewImage:
        said = Metadata(*((30, 20) if self.wide else (20, 30)), "JPEG", f"{self.year}-06-01T12:00:00", self.camera)
        digest = hashlib.sha256(self.number.to_bytes(8, "big")).digest()
        return NewImage(Candidate(self.path, self.size, 10**18), digest, said, pixels_of(np.array([self.number]))[0])


SHOTS = {shot.path: shot for shot in map(Shot, range(COUNT + TAIL))}

#: A line of the language, and what it means in Python.
CONDITIONS = (
    ("year:2021", lambda shot: shot.year == 2021),
    ("in:2019..2020", lambda shot: shot.year <= 2020),
    ("after:2020", lambda shot: shot.year >= 2020),
    ("camera:pixel", lambda shot: shot.camera == "Pixel 6"),
    ("-camera:canon", lambda shot: shot.camera != "Canon EOS"),
    ("path:trips", lambda shot: "/trips/" in shot.path),
    ("path:**/home/*7.jpg", lambda shot: "/home/" in shot.path and shot.path.endswith("7.jpg")),
    ("path:trips/00007.jpg", lambda shot: shot.number == 7),
    ("path:00008.jpg", lambda shot: shot.number == 8),
    ("time:12", lambda shot: True),
    ("name:00", lambda shot: "00" in shot.path.rpartition("/")[2]),
    ("size:1900..", lambda shot: shot.size >= 1900),
    ("size:1500..1503", lambda shot: 1500 <= shot.size <= 1503),
    ("orientation:portrait", lambda shot: not shot.wide),
    ("type:jpeg", lambda shot: True),
    ("has:gps", lambda shot: False),
    ("name:00042", lambda shot: shot.number == 42),
)
lines = st.lists(st.sampled_from(CONDITIONS), min_size=1, max_size=4)


#: An index in the database of the catalog, which asks its conditions itself; and one that takes its time.
BESIDE = "hnsw beside the catalog"
BESIDE_OF_SCALE = "ivf-flat beside the catalog"


def folder_of(where: str, home: Path, request: pytest.FixtureRequest) -> Path:
    """The folder of a store whose catalog and indexes are files, or lie in one database."""
    if where not in (BESIDE, BESIDE_OF_SCALE):
        return home / "s"
    pytest.importorskip("psycopg")
    url = request.getfixturevalue("postgres_server").new_database().render_as_string()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(home))
        folder = store_folder(url)
    (folder / "store.toml").write_text(f'[vectors]\nurl = "{url}"\n')
    return folder


@pytest.fixture(scope="module", params=[*INDEX_TYPES, BESIDE, pytest.param(BESIDE_OF_SCALE, marks=pytest.mark.scale)])
def library(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[search.Library]:
    """A store of the collection under an index of each type, which the last photographs came after."""
    folder = folder_of(request.param, tmp_path_factory.mktemp("filtered"), request)
    store = Store.create(folder)
    encoder = GivenEncoder(DIMENSION)
    shots = list(SHOTS.values())
    with store.writing():
        with store.catalog.batch() as batch:
            row = Encoders(batch).add(encoder.identity)
            Encoders(batch).activate(row)
        for some in (shots[:COUNT], shots[COUNT:]):
            with Ingest(store.catalog, encoder, row, Report(), tokens=False) as ingest:
                ingest.add([shot.image() for shot in some])
            if some[0] is shots[0]:
                build_indexes(store.catalog, store.vectors, request.param.split()[0], Silent())
        with store.catalog.batch() as batch:
            Files(batch).mark_vanished([3, 4])
    store.close()
    with search.open(folder, encoder=GivenEncoder(DIMENSION)) as opened:
        yield opened


@pytest.fixture(scope="module")
def ranking(library: search.Library) -> dict[str, list[tuple[int, str]]]:
    """(id, path) of everything, best first, by words."""
    found = {}
    encoder = GivenEncoder(DIMENSION)
    library.query("red", rerank=0)
    assert library._opened is not None
    with library._opened.store.catalog.snapshot() as snapshot:
        ((ids, vectors),) = Vectors(snapshot).pages("image", 1, DIMENSION)
        rows = Items(snapshot).get(ids.tolist())
        for words in ("red", "a church"):
            scores = vectors.astype(np.float64) @ encoder.encode_texts([words]).vectors[0].astype(np.float64)
            order = np.lexsort((ids, -scores.astype(np.float32)))
            found[words] = [(int(ids[at]), rows[int(ids[at])].path) for at in order]
    assert len(found["red"]) == COUNT + TAIL - 2
    return found


@pytest.mark.parametrize("small", [eligible.SMALL, 100])
def test_a_filter_leaves_what_it_leaves_of_the_whole_ranking(
    library: search.Library,
    ranking: dict[str, list[tuple[int, str]]],
    monkeypatch: pytest.MonkeyPatch,
    small: int,
) -> None:
    """`small`: in a larger collection candidates are asked about; of these a hundred tell what share is selected."""
    looked_up = small == eligible.SMALL
    monkeypatch.setattr(eligible, "SMALL", small)
    monkeypatch.setattr(eligible, "SAMPLE", 100)
    monkeypatch.setattr(eligible, "BROAD", 0.05)

    counts = Counter[str]()
    quantised = library.status().indexes["image"].asked == "ivf-pq"  # type: ignore[union-attr]

    @given(lines, st.booleans(), st.sampled_from(["red", "a church"]), st.sampled_from([1, 7, 40]))
    @settings(max_examples=40, deadline=None)
    def judge(parts: list[tuple[str, object]], either: bool, words: str, k: int) -> None:
        line = (" | " if either else " ").join(text for text, _ in parts)
        line = f"({line})" if either and len(parts) > 1 else line
        join = any if either else all
        wanted = [
            number
            for number, path in ranking[words]
            if join(holds(SHOTS[path]) for _, holds in parts)  # type: ignore[operator]
        ]
        results = library.query(Query(words, where=Filter.parse(line)), k=k, rerank=0, parameters=ALL)
        found = [hit.id for hit in results]
        if not quantised or (looked_up and len(wanted) <= FEW - TAIL):
            assert found == wanted[:k]
        counts["wanted"] += len(wanted[:k])
        counts["found"] += len(set(found) & set(wanted[:k]))
        assert found == [number for number in wanted if number in found]
        assert len(found) == len(wanted[:k])

    judge()
    assert counts["found"] >= 0.95 * counts["wanted"], "which is the recall that indexes are tuned to"


def test_no_id_is_looked_up_for_an_index_beside_the_catalog(
    library: search.Library,
    ranking: dict[str, list[tuple[int, str]]],
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    if "beside" not in request.node.callspec.id:
        pytest.skip("the others are given ids or asked for candidates")
    monkeypatch.setattr(eligible, "SMALL", 100)
    asked: list[int] = []
    among = eligible.Selection.among

    def counted(self: eligible.Selection, criterion: Criterion, kind: Kind, ids: Int64) -> Int64:
        asked.append(len(ids))
        return among(self, criterion, kind, ids)

    monkeypatch.setattr(eligible.Selection, "ids", lambda *_: pytest.fail("ids are looked up"))
    monkeypatch.setattr(eligible.Selection, "among", counted)
    for line, holds in (CONDITIONS[0], CONDITIONS[4]):
        wanted = [number for number, path in ranking["red"] if holds(SHOTS[path])]
        found = library.query(Query("red", where=Filter.parse(line)), k=20, rerank=0, parameters=ALL)
        assert [hit.id for hit in found] == wanted[:20]
    assert max(asked) <= TAIL, "but for what came after the index"


def test_a_process_that_asks_once_answers_filters_without_faiss(
    library: search.Library, ranking: dict[str, list[tuple[int, str]]]
) -> None:
    """The index of a large collection; more photographs fit than are compared one by one where FAISS is there."""
    if library.status().indexes["image"].asked != "ivf-sq8":  # type: ignore[union-attr]
        pytest.skip("of the others flat ones need no FAISS, and the rest are opened by it")
    wanted = [number for number, path in ranking["red"] if SHOTS[path].wide]
    assert len(wanted) > FEW
    script = (
        "import sys; from search.library import Library; from search.query.query import Query\n"
        "from tests.fixtures.given_encoder import GivenEncoder\n"
        f"library = Library({str(library.folder)!r}, encoder=GivenEncoder({DIMENSION}), once=True)\n"
        "found = library.query(Query.parse('red orientation:landscape'), k=40, rerank=0)\n"
        "assert 'faiss' not in sys.modules\n"
        "print(*[hit.id for hit in found])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert [int(number) for number in done.stdout.split()] == wanted[:40]


def test_the_limits_of_a_call_and_its_conditions_both_hold(
    library: search.Library, ranking: dict[str, list[tuple[int, str]]]
) -> None:
    given_ids = [number for number, _ in ranking["red"][::2]]
    parameters = SearchParameters(ALL.effort, np.array(given_ids[:5]), np.array(given_ids))
    wanted = [number for number, path in ranking["red"] if number in given_ids[5:] and SHOTS[path].year == 2021]
    for line in ("year:2021", "year:2021 type:jpeg"):
        query = Query("red", where=Filter.parse(line))
        assert [hit.id for hit in library.query(query, k=20, rerank=0, parameters=parameters)] == wanted[:20]


@pytest.mark.parametrize("line", ["size:1500..1520", "year:2021", "-type:png"])
def test_a_photograph_is_as_probable_with_a_filter_as_without(library: search.Library, line: str) -> None:
    found = library.query(Query("red", where=Filter.parse(line)), k=2_000, rerank=0)
    everything = {hit.id: hit.estimate for hit in library.query("red", k=2_000, rerank=0)}
    assert len(found) > 10
    assert {hit.id: hit.estimate for hit in found} == {hit.id: everything[hit.id] for hit in found}


def test_where_a_call_names_the_collection_a_probability_knows_how_small_it_is(library: search.Library) -> None:
    everything = library.query("red", k=2_000, rerank=0)
    few = SearchParameters(only=np.array([hit.id for hit in everything[:20]]))
    assert library.query("red", rerank=0, parameters=few)[0].estimate > everything[0].estimate


def test_a_filter_nothing_fits_finds_nothing(library: search.Library) -> None:
    assert len(library.query(Query("red", where=Filter(has="gps")), rerank=0)) == 0


def test_today_is_the_day_of_the_question(library: search.Library) -> None:
    year = date.today().year
    assert len(library.query(Query("red", where=Filter(after=f"{year - 2000}y")), rerank=0)) == 10
    assert len(library.query(Query("red", where=Filter(after="1d")), rerank=0)) == 0


def test_the_call_and_the_query_both_narrow(library: search.Library, ranking: dict[str, list[tuple[int, str]]]) -> None:
    wanted = [number for number, path in ranking["red"] if SHOTS[path].year == 2021 and not SHOTS[path].wide]
    query = Query("red", where=Filter(year=2021))
    found = library.query(query, where=Filter(orientation="portrait"), k=2_000, rerank=0)
    assert sorted(hit.id for hit in found) == sorted(wanted)
    assert query.where == Filter(year=2021)
    of_words = library.query("red", where=Filter(year=2021, orientation="portrait"), k=2_000, rerank=0)
    assert [hit.id for hit in of_words] == [hit.id for hit in found]
