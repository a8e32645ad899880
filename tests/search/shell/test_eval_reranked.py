"""`search eval` with a second stage: the engine's own answers, and an honest comparison with the first."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import search
from search.evaluation.results import DirectionResult
from search.evaluation.settings import EvaluationSettings
from search.query.query import Query
from search.rerank.stage import DEFAULT_COUNT
from tests.conftest import Cli
from tests.fixtures.colour_encoder import ColourTokenEncoder
from tests.fixtures.colour_reranker import ColourReranker, write_fusion
from tests.fixtures.scenes import scenes, write

COUNT = 30


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store `s` of 30 photographs and their 60 captions, with a reranker. Not to be changed."""
    folder = tmp_path_factory.mktemp("reranked")
    write(folder / "photos" / "captions.jsonl", scenes(folder / "photos", COUNT))
    with search.open(folder / "s", encoder=ColourTokenEncoder()) as library:
        library.index(folder / "photos")
        assert library.status().texts == 2 * COUNT
    write_fusion(folder / "s" / "reranker", ColourTokenEncoder(), weight=0.5, seed=1)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same with a store that may be changed; `pairs` is the table."""
    monkeypatch.setattr(
        "indexer.encoders.registry.load_encoder", lambda name, device=None, **more: ColourTokenEncoder()
    )
    shutil.copytree(made / "s", tmp_path / "s")
    (tmp_path / "photos").symlink_to(made / "photos")
    return tmp_path


def rank_of(results: search.Results, right: set[str], names: list[str]) -> int:
    """Where the best right answer of a whole answer stands, ties against it. `names`: what each hit is called."""
    best = max(hit.score for hit, name in zip(results, names, strict=True) if name in right)
    wrong = [hit for hit, name in zip(results, names, strict=True) if name not in right]
    return 1 + sum(hit.score >= best for hit in wrong)


@pytest.mark.parametrize("count", [1, 7, 100])
def test_the_second_stages_ranks_are_those_of_the_engines_answers(made: Path, count: int) -> None:
    rows = [json.loads(line) for line in (made / "photos" / "captions.jsonl").read_text().splitlines()]
    reranker = ColourReranker(weight=0.6)
    with search.open(made / "s", encoder=ColourTokenEncoder()) as library:
        settings = EvaluationSettings(bootstrap=0, rerank=count)
        found = library.evaluate(made / "photos" / "captions.jsonl", settings=settings, reranker=reranker)
        to_images, to_texts = found.stages[1].directions
        expected = []
        for row in rows:
            for caption in row["captions"]:
                answer = library.query(Query(text=caption), k=COUNT, rerank=count, reranker=reranker, by_words=False)
                expected.append(rank_of(answer, {row["image"]}, [Path(hit.path).name for hit in answer]))
        assert to_images.ranks.tolist() == expected
        expected = []
        for row in rows:
            path = made / "photos" / row["image"]
            answer = library.query(path, k=2 * COUNT, to="text", rerank=count, reranker=reranker, by_words=False)
            expected.append(rank_of(answer, set(row["captions"]), [hit.text or "" for hit in answer]))
        assert to_texts.ranks.tolist() == expected
    if count == 7:
        assert to_images.ranks.tolist() != found.stages[0].directions[0].ranks.tolist()
    assert [stage.name for stage in found.stages] == ["first stage", "reranked"]


def test_each_query_is_asked_once(made: Path) -> None:
    reranker = ColourReranker()
    with search.open(made / "s", encoder=ColourTokenEncoder()) as library:
        found = library.evaluate(made / "photos" / "captions.jsonl", reranker=reranker)
        assert found.latency is not None
        timed = len(found.latency.rerank)
        assert timed == 2 * COUNT
        assert 3 * COUNT + timed <= reranker.calls <= 3 * COUNT + timed + 5  # and a few before the clock starts


def plain_interval(before: DirectionResult, after: DirectionResult, clusters: list[int], seed: int) -> list[float]:
    """The paired bootstrap of the difference in R@5, a resample at a time."""
    rng = np.random.default_rng(seed)
    count = max(clusters) + 1
    means = []
    for drawn in rng.integers(0, count, size=(200, count)):
        rows = [row for cluster in drawn for row, own in enumerate(clusters) if own == cluster]
        means.append(np.mean([float(after.ranks[row] <= 5) - float(before.ranks[row] <= 5) for row in rows]))
    return [float(end) for end in np.quantile(means, [0.025, 0.975])]


def test_the_stages_are_compared_query_by_query(cli: Cli, folder: Path) -> None:
    source = folder / "photos" / "captions.jsonl"
    answer = cli("eval", source, "-s", folder / "s", "--json", "--bootstrap", 200, "--seed", 3)
    found = json.loads(answer.out)["reranking"]
    assert found["candidates"] == DEFAULT_COUNT
    with search.open(folder / "s", encoder=ColourTokenEncoder()) as library:
        stages = library.evaluate(source, settings=EvaluationSettings(bootstrap=200, seed=3)).stages
    for position, (name, clusters) in enumerate(
        (("text-to-image", [row // 2 for row in range(2 * COUNT)]), ("image-to-text", list(range(COUNT))))
    ):
        before, after = (stage.directions[position] for stage in stages)
        one = found["difference"][name]["R@5"]
        assert one["value"] == pytest.approx(np.mean(after.ranks <= 5) - np.mean(before.ranks <= 5), abs=1e-6)
        assert [one["low"], one["high"]] == pytest.approx(plain_interval(before, after, clusters, 3), abs=1e-6)
        assert one["clear"] == (one["low"] > 0 or one["high"] < 0)
        assert {"R@1", "R@5", "R@10", "MRR"} == set(found["difference"][name])


def test_a_reranker_that_changes_nothing_is_not_clear_of_zero(cli: Cli, folder: Path) -> None:
    write_fusion(folder / "s" / "reranker", ColourTokenEncoder(), weight=0.0)
    answer = cli("eval", folder / "photos" / "captions.jsonl", "-s", folder / "s")
    assert answer.code == 0
    assert "reranked minus first stage" in answer.out
    assert "not clear of 0" in answer.out
    assert ", clear of 0" not in answer.out
    assert "+0.0  [+0.0, +0.0]" in answer.out


def test_the_report_shows_both_stages(cli: Cli, folder: Path) -> None:
    answer = cli("eval", folder / "photos" / "captions.jsonl", "-s", folder / "s", "--html", folder / "out.html")
    assert answer.code == 0
    assert "rerank " in next(line for line in answer.out.splitlines() if line.startswith("latency"))
    page = (folder / "out.html").read_text()
    assert page.count("<svg") == 9
    assert "What the second stage adds" in page
    assert page.count("Whether probabilities can be trusted") == 2
    assert "http" not in page.replace('http-equiv="Content-Security-Policy"', "")


def test_folders_as_labels_have_a_second_stage_too(cli: Cli, folder: Path, made: Path) -> None:
    for number, path in enumerate(sorted((made / "photos").glob("*.png"))):
        label = folder / "labels" / ("red", "green", "blue")[number % 3]
        label.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, label / path.name)
    found = json.loads(cli("eval", folder / "labels", "--labels", "-s", folder / "s", "--json").out)
    assert [stage["name"] for stage in found["stages"]] == ["first stage", "reranked"]
    assert found["reranking"]["difference"]["text-to-image"].keys() >= {"R@1", "MRR"}


# -- none, or not for all -----------------------------------------------------------------------------------


def stages(cli: Cli, folder: Path, *more: object) -> tuple[dict[str, Any], str]:
    answer = cli("eval", folder / "photos" / "captions.jsonl", "-s", folder / "s", "--json", *more)
    assert answer.code == 0, answer.err
    found: dict[str, Any] = json.loads(answer.out)
    return found, " ".join(found["notes"])


def forget_tokens(folder: Path, share: str) -> None:
    connection = sqlite3.connect(folder / "s" / "catalog.sqlite")
    connection.execute(f"DELETE FROM token WHERE {share}")
    connection.commit()
    connection.close()


def test_without_a_second_stage_there_is_one(cli: Cli, folder: Path) -> None:
    for more in (["--no-rerank"], ["--rerank", 0]):
        found, _ = stages(cli, folder, *more)
        assert len(found["stages"]) == 1
        assert found["reranking"] is None
        assert "rerank" not in found["latency"]
    shutil.rmtree(folder / "s" / "reranker")
    found, notes = stages(cli, folder)
    assert (len(found["stages"]), notes) == (1, "")


def test_an_index_without_tokens_says_how_to_add_them(cli: Cli, folder: Path) -> None:
    forget_tokens(folder, "1")
    found, notes = stages(cli, folder)
    assert len(found["stages"]) == 1
    assert "no region tokens" in notes
    assert "`search index` adds them" in notes


def test_photographs_without_tokens_are_counted(cli: Cli, folder: Path) -> None:
    forget_tokens(folder, "content_id IN (SELECT id FROM content WHERE kind = 'image' ORDER BY id LIMIT 4)")
    found, notes = stages(cli, folder)
    assert len(found["stages"]) == 2
    assert f"4 of {COUNT} images have no region tokens" in notes


def test_a_damaged_reranker_is_a_note_and_a_named_one_an_error(cli: Cli, folder: Path) -> None:
    (weights,) = (folder / "s" / "reranker").glob("*.safetensors")
    data = weights.read_bytes()
    weights.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    found, notes = stages(cli, folder)
    assert len(found["stages"]) == 1
    assert "damaged" in notes
    source = folder / "photos" / "captions.jsonl"
    named = cli("eval", source, "-s", folder / "s", "--reranker", folder / "s" / "reranker")
    assert (named.code, "damaged" in named.err) == (2, True)
    assert cli("eval", source, "-s", folder / "s", "--reranker", folder / "none").code == 2
    wrong = cli("eval", source, "-s", folder / "s", "--reranker", folder / "none", "--no-rerank")
    assert (wrong.code, "give one" in wrong.err) == (2, True)
    wrong = cli("eval", source, "-s", folder / "s", "--rerank", 20_000)
    assert (wrong.code, "10,000" in wrong.err) == (2, True)
