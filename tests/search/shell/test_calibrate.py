"""`search calibrate`, and what a person sees of probabilities."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

import search
from search.calibration import calibration_file
from search.calibration.calibrate import MIN_PHOTOGRAPHS, MIN_TEXTS
from search.calibration.calibration_file import Calibration, Entry
from search.calibration.curve import ProbabilityCurve, Slopes, TypicalBackground
from search.results import WEAK
from tests.conftest import Cli
from tests.fixtures.colour_encoder import ColourTokenEncoder
from tests.fixtures.colour_reranker import write_fusion
from tests.fixtures.scenes import scenes, write


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store `s`, its reranker, and a table `pairs.jsonl` of 80 photographs. Not to be changed."""
    folder = tmp_path_factory.mktemp("calibrate")
    write(folder / "pairs.jsonl", scenes(folder / "photos", 80))
    with search.open(folder / "s", encoder=ColourTokenEncoder()) as library:
        library.index(folder / "photos")
    write_fusion(folder / "s" / "reranker", ColourTokenEncoder(), weight=0.2, seed=3)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, free to be changed; the pictures stay where they are."""
    monkeypatch.setattr(
        "indexer.encoders.registry.load_encoder", lambda name, device=None, **more: ColourTokenEncoder()
    )
    shutil.copytree(made / "s", tmp_path / "s")
    shutil.copytree(made / "photos", tmp_path / "images")  # found by their content
    shutil.copy(made / "pairs.jsonl", tmp_path / "pairs.jsonl")
    return tmp_path


def test_the_table_may_lie_elsewhere(cli: Cli, folder: Path, made: Path) -> None:
    rows = [json.loads(line) for line in (folder / "pairs.jsonl").read_text().splitlines()]
    table = folder / "tables" / "pairs.jsonl"
    table.parent.mkdir()
    named = folder / "tables" / "named.jsonl"
    named.write_text("".join(json.dumps({**row, "image": str(made / "photos" / row["image"])}) + "\n" for row in rows))
    shutil.move(folder / "pairs.jsonl", table)
    for given in (["--pairs", named], ["--pairs", table, "--images", made / "photos"]):
        answer = cli("calibrate", *given, "-s", folder / "s", "--no-rerank", "--json")
        assert (answer.code, json.loads(answer.out)["images"]) == (0, 80)
    answer = cli("calibrate", "--pairs", table, "-s", folder / "s", "--no-rerank")
    assert answer.code == 2
    assert "names another folder" in answer.err or "80 rows name images" in answer.err


def reliability_of(cli: Cli, folder: Path) -> list[dict[str, Any]]:
    found = json.loads(cli("eval", folder / "pairs.jsonl", "-s", folder / "s", "--json").out)
    return [stage["probability"] for stage in found["stages"]]


def test_both_stages_and_directions_are_fitted_and_used(cli: Cli, folder: Path) -> None:
    before = reliability_of(cli, folder)
    assert len(before) == 2
    assert not any(one["fitted"] for stage in before for one in stage.values())
    sentence = "red green blue white"
    assert not json.loads(cli("query", sentence, "-s", folder / "s", "--json").out)["calibrated"]
    answer = cli("calibrate", "--pairs", folder / "pairs.jsonl", "-s", folder / "s")
    assert "so only sentences are fitted" in answer.out
    assert (answer.code, answer.out.count("first stage, "), answer.out.count("reranked, ")) == (0, 3, 2), answer.err
    models = json.loads((folder / "s" / "calibration.json").read_text())["models"]
    assert [(one["asks"], one["finds"], one["reranker"] is None) for one in models] == [
        ("text", "image", True),
        ("image", "text", True),
        ("text", "text", True),
        ("text", "image", False),
        ("image", "text", False),
    ]
    assert all(min(one["coefficients"].values()) >= 0 for one in models)
    after = reliability_of(cli, folder)
    for stage, old in zip(after, before, strict=True):
        for direction, one in stage.items():
            assert one["fitted"]
            assert one["hits"]["ece"] < old[direction]["hits"]["ece"]
            assert one["hits"]["ece"] < 0.12  # held near what standing out means in general
            assert one["paired"]["hits"] == one["hits"]["hits"]
    for more in ([], ["--no-rerank"]):
        found = json.loads(cli("query", sentence, "-s", folder / "s", "--json", *more).out)
        assert found["calibrated"]
        assert not json.loads(cli("query", "red", "-s", folder / "s", "--json", *more).out)["calibrated"]
        chances = [hit["probability"] for hit in found["hits"]]
        assert chances == sorted(chances, reverse=True)


def test_a_split_another_file_and_no_second_stage(cli: Cli, folder: Path) -> None:
    answer = cli(
        *("calibrate", "--pairs", folder / "pairs.jsonl", "-s", folder / "s", "--split", "val", "--no-rerank"),
        *("--out", folder / "out.json", "--json"),
    )
    found = json.loads(answer.out)
    assert (found["images"], found["texts"], len(found["models"])) == (60, 120, 3)
    assert found["path"] == str(folder / "out.json")
    assert (folder / "out.json").exists()
    assert not (folder / "s" / "calibration.json").exists()
    again = cli(
        *("calibrate", "--pairs", folder / "pairs.jsonl", "-s", folder / "s", "--split", "val", "--no-rerank"),
        *("--out", folder / "again.json", "--json"),
    )
    assert again.code == 0
    assert (folder / "again.json").read_bytes() == (folder / "out.json").read_bytes()


def test_an_index_without_tokens_is_fitted_for_the_first_stage(cli: Cli, folder: Path) -> None:
    connection = sqlite3.connect(folder / "s" / "catalog.sqlite")
    connection.execute("DELETE FROM token")
    connection.commit()
    connection.close()
    answer = cli("calibrate", "--pairs", folder / "pairs.jsonl", "-s", folder / "s")
    assert answer.code == 0
    assert "`search index` adds them" in answer.out
    assert "reranked" not in answer.out


def test_what_is_not_shown_to_be_better_is_kept(cli: Cli, folder: Path) -> None:
    """The same pairs a second time: the curves in place are theirs already."""
    asked = ("calibrate", "--pairs", folder / "pairs.jsonl", "-s", folder / "s", "--no-rerank")
    assert cli(*asked).code == 0
    own = folder / "s" / "calibration.json"
    before = own.read_bytes()
    answer = cli(*asked)
    assert (answer.code, own.read_bytes()) == (0, before)
    assert answer.out.count("not shown to be better than what is there: kept") == 3
    assert "No curve is shown to be better" in answer.out
    assert answer.out.endswith("Nothing is written.\n")
    found = json.loads(cli(*asked, "--json", "--out", folder / "out.json").out)
    assert (found["path"], [one["better"] for one in found["models"]]) == (None, [False] * 3)
    assert not (folder / "out.json").exists()


def test_one_that_is_wrong_is_replaced_and_what_pairs_do_not_speak_of_is_kept(cli: Cli, folder: Path) -> None:
    wrong = ProbabilityCurve(3.0, Slopes(0.0, 0.0, 0.1, 0.0), TypicalBackground(0.8, 0.1))
    entries = (
        Entry("text", "image", None, wrong, form="sentence"),
        Entry("text", "image", None, wrong, form="short"),
        Entry("text", "image", "another reranker", wrong, form="sentence"),
    )
    weights = ColourTokenEncoder().identity.weights
    own = folder / "s" / "calibration.json"
    calibration_file.write(own, Calibration(weights, entries))
    assert cli("calibrate", "--pairs", folder / "pairs.jsonl", "-s", folder / "s", "--no-rerank").code == 0
    found = calibration_file.read(own)
    assert found is not None
    assert found.curve("text", "image", None, "sentence") != wrong
    assert found.curve("text", "image", None, "short") == wrong  # of too few short queries nothing is said
    assert found.curve("text", "image", "another reranker", "sentence") == wrong
    keys = [(one.asks, one.finds, one.form, one.reranker) for one in found.entries]
    assert len(set(keys)) == len(keys)


def test_a_store_goes_back_to_what_ships(cli: Cli, folder: Path) -> None:
    own = folder / "s" / "calibration.json"
    sentence = ("query", "red green blue white", "-s", folder / "s", "--json")
    before = cli(*sentence).out
    assert cli("calibrate", "--pairs", folder / "pairs.jsonl", "-s", folder / "s", "--no-rerank").code == 0
    assert json.loads(cli(*sentence).out)["calibrated"]
    answer = cli("calibrate", "--reset", "-s", folder / "s")
    assert (answer.code, own.exists()) == (0, False)
    assert "are forgotten" in answer.out
    after, expected = json.loads(cli(*sentence).out), json.loads(before)
    assert (after["calibrated"], after["hits"]) == (False, expected["hits"])
    assert "has no probabilities of its own" in cli("calibrate", "--reset", "-s", folder / "s").out
    own.write_text("{")  # one that is damaged is forgotten as well
    assert json.loads(cli("calibrate", "--reset", "-s", folder / "s", "--json").out) == {"reset": True}
    assert cli("calibrate", "--reset", "-s", folder / "none").code == 2
    with search.open(folder / "s", encoder=ColourTokenEncoder()) as library:
        assert not library.reset_calibration()


def test_too_few_pairs_and_pairs_that_do_not_belong_together(cli: Cli, folder: Path) -> None:
    rows = [json.loads(line) for line in (folder / "pairs.jsonl").read_text().splitlines()]
    few = write(folder / "few.jsonl", rows[:7])
    answer = cli("calibrate", "--pairs", few, "-s", folder / "s")
    assert answer.code == 2
    assert f"at least {MIN_PHOTOGRAPHS} indexed photographs with {MIN_TEXTS} different captions" in answer.err
    assert "few.jsonl has 7 with 14" in answer.err
    assert not (folder / "s" / "calibration.json").exists()
    write(folder / "few.jsonl", [])
    assert "has 0 with 0" in cli("calibrate", "--pairs", folder / "few.jsonl", "-s", folder / "s").err
    best, worst = "white " * 20, "black"
    wrong = [dict(row, captions=[f"{best if n % 2 else worst} a{n}", f"nothing b{n}"]) for n, row in enumerate(rows)]
    answer = cli("calibrate", "--pairs", write(folder / "wrong.jsonl", wrong), "-s", folder / "s", "--no-rerank")
    assert answer.code in (0, 2)
    if answer.code:
        assert "search eval" in answer.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--pairs FILE"),
        (["--reset", "--pairs", "x.jsonl"], "exclude"),
        (["--reset", "--out", "x.json"], "exclude"),
        (["--pairs", "nowhere.jsonl"], "not there"),
        (["--pairs", "x.jpg"], "no table"),
        (["--pairs", "x.jsonl", "--rerank", "-1"], "from 0"),
        (["--pairs", "x.jsonl", "--seed", "-1"], "--seed"),
        (["--pairs", "x.jsonl", "--rerank", "5", "--no-rerank"], "exclude"),
    ],
)
def test_wrong_use_is_one_sentence_and_2(cli: Cli, folder: Path, arguments: list[str], said: str) -> None:
    answer = cli("calibrate", *arguments, "-s", folder / "s")
    assert answer.code == 2
    assert said in answer.err
    assert "Traceback" not in answer.err


def test_a_place_that_cannot_be_written_and_a_store_that_is_not_there(cli: Cli, folder: Path) -> None:
    pairs = folder / "pairs.jsonl"
    answer = cli("calibrate", "--pairs", pairs, "-s", folder / "s", "--no-rerank", "--out", folder / "no" / "c.json")
    assert (answer.code, answer.out) == (2, "")
    assert (
        f"There is no folder {folder / 'no'} to put c.json into; make it, or name another place with --out."
        in answer.err
    )
    assert not (folder / "no").exists()
    assert cli("calibrate", "--pairs", pairs, "-s", folder / "none").code == 2


# -- query --------------------------------------------------------------------------------------------------


def test_weak_hits_are_marked_in_every_form(cli: Cli, folder: Path) -> None:
    typical = TypicalBackground(0.8, 0.1)
    slopes = Slopes(0.0, 0.0, 2.0, 1.0)
    curve = ProbabilityCurve(2.0, slopes, typical)  # even odds 1.2 standard deviations above the mean of 80
    calibration = Calibration(
        ColourTokenEncoder().identity.weights, (Entry("text", "image", None, curve, form="short"),)
    )
    calibration_file.write(folder / "s" / calibration_file.NAME, calibration)
    asked = ("query", "red", "-s", folder / "s", "--no-rerank")
    hits = json.loads(cli(*asked, "-k", 80, "--json").out)["hits"]
    weak = [hit["probability"] < WEAK for hit in hits]
    assert any(weak)
    assert not all(weak)
    assert [hit.get("weak", False) for hit in hits] == weak
    answer = cli(*asked, "-k", 80, "--sheet", folder / "out.html")
    lines = answer.out.splitlines()[:80]
    assert [" % weak  " in line for line in lines] == weak
    assert len({line.index("/") for line in lines}) == 1  # the paths stay below each other
    page = (folder / "out.html").read_text()
    assert page.count('<li class="weak">') == sum(weak)
    assert page.count("weak match, ") == sum(weak)
    strong = cli(*asked, "-k", 1).out
    assert "weak" not in strong
    assert re.match(r"1  +-?[0-9.]+  +[>0-9]+ %  ", strong)


def test_where_nothing_was_fitted_a_word_is_shown(cli: Cli, folder: Path) -> None:
    assert re.search(r"^ *1  +-?[0-9.]+  +(strong|fair|weak)  ", cli("query", "red", "-s", folder / "s").out, re.M)


def test_when_nothing_matches_well_that_is_said(cli: Cli, folder: Path) -> None:
    said = re.compile(
        r"Nothing here matches well: the best hit is a (strong|fair|weak) match, and --min-probability 99\.9% leaves "
        r"it out; "
        r"a lower one shows more\.\n"
    )
    answer = cli("query", "red", "-s", folder / "s", "--min-probability", 0.999)
    assert (answer.code, bool(said.fullmatch(answer.out))) == (1, True), answer.out
    answer = cli("query", "red", "-s", folder / "s", "--min-probability", 0.999, "--paths")
    assert (answer.code, answer.out, bool(said.search(answer.err))) == (1, "", True)
    answer = cli("query", "red", "-s", folder / "s", "--min-probability", 0.999, "--json")
    found = json.loads(answer.out)
    assert (answer.code, found["hits"], found["left_out"], found["min_probability"]) == (1, [], 10, 0.999)
    assert 0 < found["best"] < 0.999
    answer = cli("query", "red", "-s", folder / "s", "--min-probability", 0.999, "--sheet", folder / "out.html")
    assert answer.code == 1
    page = (folder / "out.html").read_text()
    assert "Nothing here matches well" in page
    assert "and --min-probability 99.9% leaves" in page
    assert cli("query", "red", "-s", folder / "s", "--min-probability", 0).code == 0
    wrong = cli("query", "red", "-s", folder / "s", "--min-probability", 1.5)
    assert (wrong.code, "from 0 to 1" in wrong.err) == (2, True)


def test_a_calibration_of_another_encoder_is_a_note(cli: Cli, folder: Path) -> None:
    pairs, own = folder / "pairs.jsonl", folder / "s" / "calibration.json"
    assert cli("calibrate", "--pairs", pairs, "-s", folder / "s", "--no-rerank").code == 0
    fields = json.loads(own.read_text())
    own.write_text(json.dumps({name: value for name, value in fields.items() if name != "digest"} | {"encoder": "x"}))
    answer = cli("query", "red", "-s", folder / "s")
    assert answer.code == 0
    assert "fitted for another encoder" in answer.out
    own.write_text("{")
    answer = cli("query", "red", "-s", folder / "s")
    assert answer.code == 0
    assert "is damaged" in answer.out
    assert "`search calibrate`" in answer.out
