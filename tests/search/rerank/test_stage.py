"""The second stage against a plain one, and what it does where something is missing."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import search
from indexer.encoders.base import Encoded
from indexer.errors import EncoderMismatchError, EncoderUnavailableError, UsageError
from indexer.settings import IndexSettings
from indexer.types import Float32, Int8, Texts
from indexer.vectors.base import INDEX_TYPES, IndexType
from search.ranked import rank
from search.rerank.base import Alignment, Candidates, EncodedQuery
from search.rerank.stage import MAX_COUNT, join
from tests.fixtures.colour_encoder import ColourEncoder, ColourTokenEncoder
from tests.fixtures.colour_reranker import ColourReranker, match, write_fusion
from tests.fixtures.encoded import images_with_tokens, texts_with_tokens
from tests.fixtures.paths import ROOT

WORDS = ("red", "green blue", "white black", "nothing named")


def paint(folder: Path, count: int, seed: int = 0) -> None:
    """Pictures of four squares, each of a colour at random."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    for number in range(count):
        squares = rng.integers(0, 256, (2, 2, 3), dtype=np.uint8).repeat(4, 0).repeat(4, 1)  # (8, 8, 3)
        Image.fromarray(squares).save(folder / f"{seed}-{number:04}.png")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return tmp_path / "photos"


@pytest.fixture
def library(tmp_path: Path) -> Iterator[search.Library]:
    with search.open(tmp_path / "s", encoder=ColourTokenEncoder(batch_size=64)) as opened:
        yield opened


def encoded(photos: Path, ids: dict[str, int]) -> list[tuple[int, Float32, Int8]]:
    """(id, vector, region tokens) of every picture, from the files themselves."""
    found = []
    for path in sorted(photos.glob("*.png")):
        vectors, tokens = images_with_tokens(ColourTokenEncoder(), np.array(Image.open(path))[None])
        found.append((ids[str(path)], vectors[0], tokens[0]))
    return found


def plain(
    images: list[tuple[int, Float32, Int8]], words: str, k: int, count: int, weight: float
) -> list[tuple[int, float]]:
    """(id, score) of the k best images, with no index and no catalog; NaN behind the first `count` candidates."""
    vectors, tokens = texts_with_tokens(ColourTokenEncoder(), [words])
    first = [
        (-np.float32(vector.astype(np.float64) @ vectors[0].astype(np.float64)), number, regions)
        for number, vector, regions in images
    ]
    first.sort(key=lambda row: row[:2])
    scored = [
        (similarity - weight * match(tokens[0], regions), number) for similarity, number, regions in first[:count]
    ]
    best = [(number, -float(score)) for score, number in sorted(scored)]
    return (best + [(number, np.nan) for _, number, _ in first[count:]])[:k]


def ids_of(library: search.Library) -> dict[str, int]:
    return {hit.path: hit.id for hit in library.query("red", k=10_000, rerank=0)}


# -- against the plain one ----------------------------------------------------------------------------------


@pytest.mark.parametrize("index_type", INDEX_TYPES)
def test_the_first_candidates_are_ordered_as_a_plain_reranker_does(
    library: search.Library, photos: Path, index_type: IndexType
) -> None:
    paint(photos, 80)
    library.index(photos, index_type=index_type)
    images = encoded(photos, ids_of(library))
    cases = [(words, *case) for words in WORDS[:2] for case in ((5, 20), (30, 10), (7, 7), (200, 1_000))]
    for words, k, count in cases:
        expected = plain(images, words, k, count, 2.0)
        found = library.query(words, k=k, rerank=count, reranker=ColourReranker(2.0))
        assert [hit.id for hit in found] == [number for number, _ in expected]
        scores = [hit.score for hit in found]
        assert scores == sorted(scores, reverse=True)
        known = [score for _, score in expected if not np.isnan(score)]
        assert scores[: len(known)] == pytest.approx(known, abs=1e-6)
        assert found.work.reranked == min(count, 80)
        assert "rerank" in found.seconds
        first = {hit.id: hit.score for hit in library.query(words, k=200, rerank=0)}
        assert [hit.similarity for hit in found] == [first[hit.id] for hit in found]


def test_the_first_hits_do_not_depend_on_how_many_are_wanted(library: search.Library, photos: Path) -> None:
    paint(photos, 60)
    library.index(photos)
    few = library.query("red blue", k=5, rerank=20, reranker=ColourReranker(-3.0))
    many = library.query("red blue", k=60, rerank=20, reranker=ColourReranker(-3.0))
    assert [(hit.id, hit.score) for hit in many][:5] == [(hit.id, hit.score) for hit in few]


def test_captions_are_found_by_the_regions_of_an_image(library: search.Library, photos: Path, tmp_path: Path) -> None:
    paint(photos, 12)
    texts = ["red", "green", "blue white", "red green blue", "black", "white nothing"]
    for number, text in enumerate(texts):
        (photos / f"0-{number:04}.txt").write_text(text)
    library.index(photos)
    encoder = library._models._encoder
    assert isinstance(encoder, ColourTokenEncoder)
    before = encoder.images
    Image.open(photos / "0-0005.png").save(tmp_path / "same.bmp")  # the same pixels in another file
    image, regions = images_with_tokens(ColourTokenEncoder(), np.array(Image.open(photos / "0-0005.png"))[None])
    vectors, words = texts_with_tokens(ColourTokenEncoder(), texts)
    score = {text: float(vectors[i] @ image[0] + 2 * match(words[i], regions[0])) for i, text in enumerate(texts)}
    inside = library.query(photos / "0-0005.png", to="text", reranker=ColourReranker(2.0))
    assert encoder.images == before  # vector and tokens were in the catalog
    outside = library.query(tmp_path / "same.bmp", to="text", reranker=ColourReranker(2.0))
    assert encoder.images == before + 1
    for found in (inside, outside):
        assert [hit.text for hit in found] == sorted(score, key=lambda text: -score[text])
        assert [hit.score for hit in found] == pytest.approx([score[str(hit.text)] for hit in found], abs=1e-5)


def test_equal_scores_are_ordered_by_id(library: search.Library, photos: Path) -> None:
    photos.mkdir()
    for name in "dacb":
        Image.new("RGB", (8, 8), (9, 9, 9)).save(photos / f"{name}.png")
    library.index(photos)
    hits = library.query("red", reranker=ColourReranker())
    assert [hit.id for hit in hits] == sorted(hit.id for hit in hits)
    assert len({hit.score for hit in hits}) == 1


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 20), max_size=40), st.integers(0, 45), st.integers(0, 2**32 - 1))
def test_a_reranker_without_weight_changes_no_order(levels: list[int], count: int, seed: int) -> None:
    ids = np.random.default_rng(seed).permutation(len(levels)).astype(np.int64)
    values = np.array(levels, np.float32) / 20
    first = rank(ids, values, values)
    scores = first.similarities[:count].copy()
    scores[1::3] = np.nan  # some cannot be scored
    again = rank(first.ids, join(scores, first.similarities), first.similarities)
    assert again.ids.tolist() == first.ids.tolist()


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=30),
    st.lists(st.one_of(st.floats(-100, 100, width=32), st.just(float("nan"))), min_size=1, max_size=30),
)
def test_what_was_not_asked_about_stays_behind(similarities: list[float], scores: list[float]) -> None:
    near = -np.sort(-np.array(similarities, np.float32))
    given_scores = np.array(scores[: len(near)], np.float32)
    joined = join(given_scores, near)
    head, tail = joined[: len(given_scores)], joined[len(given_scores) :]
    assert joined.dtype == np.float32
    assert not np.isnan(joined).any()
    assert (np.diff(tail) <= 0).all()
    if len(tail) and not np.isnan(given_scores).all():
        assert tail.max() < head.min()


# -- when it is asked ---------------------------------------------------------------------------------------


def test_only_between_words_and_images(library: search.Library, photos: Path) -> None:
    paint(photos, 10)
    (photos / "0-0001.txt").write_text("red")
    library.index(photos)
    reranker = ColourReranker()
    same = library.query(photos / "0-0001.png", reranker=reranker)
    library.query("red", to="text", reranker=reranker)
    off = library.query("red", reranker=reranker, rerank=0, by_words=False)
    assert reranker.calls == 0
    for found in (same, off):
        assert "rerank" not in found.seconds
        assert [hit.score for hit in found] == [hit.similarity for hit in found]
    for found in (
        library.query("red", reranker=reranker),
        library.query(photos / "0-0001.png", to="text", reranker=reranker),
    ):
        assert found.seconds["rerank"] > 0
    assert reranker.calls == 2


def test_both_kinds_keep_the_order_that_the_reranker_gave_them(library: search.Library, photos: Path) -> None:
    paint(photos, 20)
    for number, word in enumerate(("red", "green", "blue", "white")):
        (photos / f"0-{number:04}.txt").write_text(word)
    library.index(photos)
    first = library.query("red", k=24, to="any", rerank=0)
    found = library.query("red", k=24, to="any", reranker=ColourReranker(-5.0))
    chances = [hit.estimate for hit in found]
    assert chances == sorted(chances, reverse=True)
    assert [hit.id for hit in found if hit.kind == "text"] == [hit.id for hit in first if hit.kind == "text"]
    images = [hit.id for hit in found if hit.kind == "image"]
    assert images == [hit.id for hit in library.query("red", k=20, reranker=ColourReranker(-5.0))]
    assert images != [hit.id for hit in first if hit.kind == "image"]


def test_a_query_is_encoded_once_and_no_candidate_is_read(library: search.Library, photos: Path) -> None:
    paint(photos, 10)
    library.index(photos)
    for path in photos.iterdir():
        path.unlink()
    encoder = library._models._encoder
    assert isinstance(encoder, ColourTokenEncoder)
    texts, images, encode = [], encoder.images, encoder.encode_texts

    def counting(rows: Texts, *, tokens: bool = False) -> Encoded:
        texts.extend(rows)
        return encode(rows, tokens=tokens)

    encoder.encode_texts = counting  # type: ignore[method-assign]
    assert library.query("red", reranker=ColourReranker()).work.reranked == 10
    assert texts == ["red"]
    assert encoder.images == images


def test_the_count_must_be_sensible(library: search.Library, photos: Path) -> None:
    paint(photos, 2)
    library.index(photos)
    for count in (-1, MAX_COUNT + 1):
        with pytest.raises(UsageError, match="10,000"):
            library.query("red", rerank=count)


# -- what is missing ----------------------------------------------------------------------------------------


def change_tokens(store: Path, statement: str) -> None:
    connection = sqlite3.connect(store / "catalog.sqlite")
    connection.execute(statement)
    connection.commit()
    connection.close()


@pytest.mark.parametrize(
    "harm",
    [
        "DELETE FROM token WHERE content_id IN (2, 5, 7)",
        "UPDATE token SET data = zeroblob(length(data)) WHERE content_id IN (2, 5, 7)",
        "UPDATE token SET data = x'0102' WHERE content_id IN (2, 5, 7)",
    ],
)
def test_candidates_without_tokens_keep_their_place(library: search.Library, photos: Path, harm: str) -> None:
    paint(photos, 20)
    library.index(photos)
    whole = library.query("red", k=20, reranker=ColourReranker(2.0))
    library.close()
    change_tokens(library.folder, harm)
    found = library.query("red", k=20, reranker=ColourReranker(2.0))
    (note,) = (note for note in found.notes if "region tokens" in note)
    assert note.startswith("3 of 20 candidates have no region tokens")
    assert "`index()` adds them" in note
    assert any("is damaged: tokens" in note for note in found.notes) == harm.startswith("UPDATE")
    assert found.work.reranked == 17
    scores = [hit.score for hit in found]
    assert scores == sorted(scores, reverse=True)
    before = {hit.id: hit.score for hit in whole}
    changed = [hit for hit in found if hit.score != before[hit.id]]
    assert len(changed) == 3
    assert [hit.id for hit in found if hit not in changed] == [
        hit.id for hit in whole if hit.id not in {hit.id for hit in changed}
    ]
    near = [hit.similarity for hit in changed]
    assert near == sorted(near, reverse=True)


def test_an_index_without_tokens_answers_and_says_how_to_add_them(tmp_path: Path, photos: Path) -> None:
    paint(photos, 20)
    with search.open(tmp_path / "s", encoder=ColourEncoder()) as library:
        library.index(photos)
        before = [(hit.id, hit.score) for hit in library.query("red")]
    with search.open(tmp_path / "s", encoder=ColourTokenEncoder()) as library:
        found = library.query("red", reranker=ColourReranker())
        assert [(hit.id, hit.score) for hit in found] == before
        assert any("no region tokens" in note and "`index()` adds them" in note for note in found.notes)
        assert found.work.reranked == 0
        library.index()
        assert library.query("red", reranker=ColourReranker()).work.reranked == 20


def test_an_index_that_was_told_to_do_without_is_not_nagged_about(library: search.Library, photos: Path) -> None:
    paint(photos, 5)
    library.index(photos, settings=IndexSettings(tokens=False))
    write_fusion(library.folder / "reranker", ColourTokenEncoder())
    assert library.query("red").notes == ()
    insisted = library.query("red", reranker=str(library.folder / "reranker"))
    assert any("`index(settings=IndexSettings(tokens=True))` adds them" in note for note in insisted.notes)


def test_what_is_deleted_between_the_stages_is_still_answered(library: search.Library, photos: Path) -> None:
    paint(photos, 20)
    library.index(photos)
    whole = library.query("red", k=20, reranker=ColourReranker())
    victim = whole[0].path

    class Deleting(ColourReranker):
        def score(self, query: EncodedQuery, candidates: Candidates) -> Float32:
            with search.open(library.folder, encoder=ColourTokenEncoder()) as other:
                other.forget(victim)
            return super().score(query, candidates)

    found = library.query("red", k=20, reranker=Deleting())
    assert [(hit.id, hit.score) for hit in found] == [(hit.id, hit.score) for hit in whole]  # one state of the catalog
    after = library.query("red", k=20, reranker=ColourReranker())
    assert victim not in {hit.path for hit in after}
    assert len(after) == 19


def test_a_reranker_that_reads_images_needs_no_tokens(tmp_path: Path, photos: Path) -> None:
    class Named:
        """Likes late names, and cannot read the first two."""

        name, needs_tokens = "names", False

        def score(self, query: EncodedQuery, candidates: Candidates) -> Float32:
            assert query.tokens is None
            assert query.text == "red"
            numbers = [int(Path(path).stem[-4:]) for path in candidates.paths]
            return np.array([np.nan if number < 2 else number for number in numbers], np.float32)

        def explain(self, query: EncodedQuery, tokens: object) -> Alignment | None:
            return None

    paint(photos, 8)
    with search.open(tmp_path / "s", encoder=ColourEncoder()) as library:
        library.index(photos)
        found = library.query("red", k=8, reranker=Named())
    numbers = [int(Path(hit.path).stem[-4:]) for hit in found]
    assert [number for number in numbers if number >= 2] == [7, 6, 5, 4, 3, 2]
    assert any(note.startswith("2 of 8 candidates could not be scored by names") for note in found.notes)


# -- which reranker -----------------------------------------------------------------------------------------


def test_the_stores_own_reranker_is_taken_and_read_once(
    library: search.Library, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from search.rerank import fusion_reranker as scorer

    paint(photos, 30)
    library.index(photos)
    write_fusion(library.folder / "reranker", ColourTokenEncoder(), weight=2.0)
    read: list[str] = []
    original = scorer.FusionReranker.__init__

    def counting(self: scorer.FusionReranker, folder: Path) -> None:
        read.append(str(folder))
        original(self, folder)

    monkeypatch.setattr(scorer.FusionReranker, "__init__", counting)
    library.query("red", rerank=0)
    library.query(photos / "0-0001.png")
    library.query("red", to="text")
    assert read == []  # nothing needed it
    answers: dict[int, list[tuple[int, float]]] = {}
    ready = threading.Barrier(4)

    def ask(number: int) -> None:
        ready.wait()
        answers[number] = [(hit.id, hit.score) for hit in library.query("red blue", k=30)]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read == [str(library.folder / "reranker")]
    assert len(answers) == 4
    assert all(answer == answers[0] for answer in answers.values())
    first = library.query("red blue", k=30, rerank=0)
    assert [number for number, _ in answers[0]] != [hit.id for hit in first]
    named = library.query("red blue", k=30, reranker=str(library.folder / "reranker"))
    assert [(hit.id, hit.score) for hit in named] == answers[0]


def test_a_reranker_that_was_trained_meanwhile_is_taken(library: search.Library, photos: Path) -> None:
    paint(photos, 10)
    library.index(photos)
    folder = library.folder / "reranker"
    assert library.query("red").work.reranked == 0
    answers = []
    for seed in (1, 2):
        write_fusion(folder, ColourTokenEncoder(), seed=seed)
        answers.append([hit.score for hit in library.query("red")])
    assert answers[0] != answers[1]
    shutil.rmtree(folder)
    assert library.query("red").work.reranked == 0


def test_a_reranker_for_another_encoder(library: search.Library, photos: Path, tmp_path: Path) -> None:
    paint(photos, 5)
    library.index(photos)
    for folder in (tmp_path / "other", library.folder / "reranker"):
        write_fusion(folder, ColourTokenEncoder("2"))
    assert library.query("red").work.reranked == 0  # the default: silently the first stage
    assert library.query("red").notes == ()
    with pytest.raises(EncoderMismatchError, match="trained for the encoder colours"):
        library.query("red", reranker=str(tmp_path / "other"))
    with pytest.raises(EncoderUnavailableError, match="no reranker"):
        library.query("red", reranker=str(tmp_path / "nowhere"))


def test_a_damaged_reranker_costs_no_answers(library: search.Library, photos: Path) -> None:
    paint(photos, 5)
    library.index(photos)
    folder = library.folder / "reranker"
    write_fusion(folder, ColourTokenEncoder())
    (weights,) = folder.glob("fusion-*.safetensors")
    weights.write_bytes(weights.read_bytes()[:-5])
    found = library.query("red")
    assert len(found) == 5
    assert found.work.reranked == 0
    assert "damaged" in found.notes[0]
    with pytest.raises(EncoderUnavailableError, match="damaged"):
        library.query("red", reranker=str(folder))


def test_no_torch_is_imported_for_the_fusion_reranker(library: search.Library, photos: Path) -> None:
    paint(photos, 5)
    library.index(photos)
    write_fusion(library.folder / "reranker", ColourTokenEncoder())
    program = (
        "import json, sys\nimport search\nfrom tests.fixtures.colour_encoder import ColourTokenEncoder\n"
        f"with search.open({str(library.folder)!r}, encoder=ColourTokenEncoder()) as library:\n"
        "    done = library.query('red', explain=True)\n"
        "print(json.dumps([done.work.reranked, [hit.explanation is not None for hit in done], 'torch' in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert json.loads(done.stdout) == [5, [True] * 5, False]
