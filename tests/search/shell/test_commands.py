"""Every command, its output and its exit code, on real photographs with the bundled encoder."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from pathlib import Path

import pytest
from PIL import Image

from indexer.catalog.tokens import Tokens
from indexer.store import Store
from tests.conftest import Cli
from tests.fixtures import damaged
from tests.fixtures.colour_encoder import ColourTokenEncoder
from tests.fixtures.colour_reranker import write_fusion
from tests.fixtures.pictures import quarters

# -- found --------------------------------------------------------------------------------------------------


def test_words_find_a_photograph(cli: Cli, indexed: Path) -> None:
    answer = cli("query", "a cat", "-s", indexed, "-k", 3)
    assert answer.code == 0
    lines = answer.out.splitlines()
    assert len(lines) == 3
    assert "chelsea.png" in lines[0]
    assert lines[0].split()[0] == "1"


def test_an_image_finds_itself_and_its_caption(cli: Cli, indexed: Path) -> None:
    cat = indexed.parent / "photos" / "chelsea.png"
    assert cli("query", cat, "-s", indexed, "-k", 1, "--paths").out.strip().endswith("chelsea.png")
    answer = cli("query", cat, "-s", indexed, "--to", "text", "-k", 1, "--json")
    (hit,) = json.loads(answer.out)["hits"]
    assert (hit["kind"], hit["text"]) == ("text", "a ginger cat looks at the camera")
    assert hit["path"].endswith("chelsea.png")


def test_both_kinds_at_once(cli: Cli, indexed: Path) -> None:
    hits = json.loads(cli("query", "a cat", "-s", indexed, "--to", "any", "--json").out)["hits"]
    assert {hit["kind"] for hit in hits} == {"image", "text"}


def test_json_has_the_documented_fields(cli: Cli, indexed: Path) -> None:
    found = json.loads(cli("query", "a cat", "-s", indexed, "-k", 2, "--json").out)
    assert set(found) == {"schema", "query", "calibrated", "hits", "notes", "seconds"}
    assert found["schema"] == 1
    first = found["hits"][0]
    assert {"rank", "id", "kind", "path", "score", "similarity", "probability", "width", "height", "format"} <= set(
        first
    )
    assert (first["rank"], first["kind"]) == (1, "image")
    assert [hit["score"] for hit in found["hits"]] == sorted((hit["score"] for hit in found["hits"]), reverse=True)


def test_the_same_query_twice_gives_the_same_answer(cli: Cli, indexed: Path) -> None:
    answers = [json.loads(cli("query", "a rocket", "-s", indexed, "--json").out)["hits"] for _ in range(2)]
    assert answers[0] == answers[1]


def test_print0_for_names_with_newlines(cli: Cli, tmp_path: Path) -> None:
    name = os.fsdecode(b"new\nline \xff \xf0\x9f\xa6\x86 caf\xc3\xa9.png")
    (tmp_path / "odd photos").mkdir()
    Image.new("RGB", (40, 30), "red").save(tmp_path / "odd photos" / name)
    store = tmp_path / "s"
    assert cli("index", tmp_path / "odd photos", "-s", store).code == 0
    expected = os.fspath(tmp_path / "odd photos" / name)
    assert cli("query", "red", "-s", store, "-0").out == expected + "\0"
    assert json.loads(cli("query", "red", "-s", store, "--json").out)["hits"][0]["path"] == expected
    table = cli("query", "red", "-s", store)
    assert table.code == 0
    assert len(table.out.splitlines()) == 1  # escaped: one hit, one line


def test_the_contact_sheet_is_one_file_with_its_pictures(cli: Cli, indexed: Path, tmp_path: Path) -> None:
    answer = cli("query", "<b>a cat</b>", "-s", indexed, "-k", 4, "--sheet", tmp_path / "out.html")
    assert answer.code == 0
    page = (tmp_path / "out.html").read_text()
    assert page.count("data:image/jpeg;base64,") == 4
    assert "&lt;b&gt;a cat" in page
    assert "<b>a cat" not in page
    assert "http" not in page.replace('http-equiv="Content-Security-Policy"', "")


def test_status_says_what_there_is(cli: Cli, indexed: Path) -> None:
    found = json.loads(cli("status", "-s", indexed, "--json").out)
    assert found["images"] > 20
    assert found["texts"] >= 2
    assert found["encoder"]["name"] == "bundled"
    assert found["indexes"]["image"]["index_type"] == "flat"
    text = cli("status", "-s", indexed).out
    assert "bundled" in text
    assert "flat" in text


def test_models_lists_the_bundled_one(cli: Cli) -> None:
    answer = cli("models")
    assert answer.code == 0
    assert "bundled" in answer.out


def test_version(cli: Cli) -> None:
    import search

    assert cli("--version").out.strip() == f"search {search.__version__}"


def test_tokens_are_kept_unless_told_otherwise_and_the_choice_stays(
    cli: Cli, real_photos: Path, tmp_path: Path
) -> None:
    photos, store = tmp_path / "photos", tmp_path / "s"
    photos.mkdir()
    shutil.copy(real_photos / "coffee.png", photos)
    for flags, wanted in (((), True), (("--no-tokens",), False), ((), False), (("--tokens",), True)):
        assert cli("index", photos, "-s", store, *flags).code == 0
        opened = Store.open(store)
        with opened.catalog.snapshot() as snapshot:
            assert Tokens(snapshot).wanted == wanted
        opened.close()
    assert json.loads(cli("status", "-s", store, "--json").out)["images"] == 1


# -- the second stage ---------------------------------------------------------------------------------------


@pytest.fixture
def colours(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store made with the encoder of the tests that has tokens, and with a reranker of its own."""
    monkeypatch.setattr(
        "indexer.encoders.registry.load_encoder", lambda name, device=None, **more: ColourTokenEncoder()
    )
    photos = tmp_path / "photos"
    photos.mkdir()
    quarters().save(photos / "quarters.png")
    for name in ("red", "green", "blue", "white"):
        Image.new("RGB", (40, 30), name).save(photos / f"{name}.png")
        (photos / f"{name}.txt").write_text(f"{name} all over")
    assert cli("index", photos, "-s", tmp_path / "s").code == 0
    write_fusion(tmp_path / "s" / "reranker", ColourTokenEncoder(), weight=3.0, seed=3)
    return tmp_path / "s"


def test_the_first_candidates_are_reranked(cli: Cli, colours: Path) -> None:
    def hits(*more: object) -> list[dict[str, object]]:
        answer = cli("query", "red blue", "-s", colours, "--no-by-words", "--json", *more)
        assert answer.code == 0, answer.err
        found: list[dict[str, object]] = json.loads(answer.out)["hits"]
        return found

    second, first = hits(), hits("--no-rerank")
    assert [hit["score"] for hit in first] == [hit["similarity"] for hit in first]
    assert first == hits("--rerank", 0)
    assert second == hits("--rerank", 100) == hits("--reranker", colours / "reranker")
    assert {hit["id"]: hit["similarity"] for hit in second} == {hit["id"]: hit["score"] for hit in first}
    assert [hit["score"] for hit in second] != [hit["similarity"] for hit in second]
    assert [hit["id"] for hit in hits("--rerank", 1)] == [hit["id"] for hit in first]


def test_explain_says_which_words_met_which_regions(cli: Cli, colours: Path, tmp_path: Path) -> None:
    answer = cli("query", "red blue", "-s", colours, "--explain", "--json")
    fields = json.loads(answer.out)["hits"][0]["explain"]
    assert [word["word"] for word in fields["words"]] == ["red", "blue"]
    assert {"rows", "columns", "area", "values"} == set(fields["grid"])
    table = cli("query", "red blue", "-s", colours, "-k", 2, "--explain", "--sheet", tmp_path / "out.html").out
    assert len([line for line in table.splitlines() if "red" in line and "blue" in line and "%)" in line]) == 2
    shown = json.loads(cli("query", "red blue", "-s", colours, "-k", 2, "--explain", "--json").out)["hits"]
    maps = sum(hit["explain"]["found"] for hit in shown)
    assert maps  # where no word was found there is nothing to point at
    assert (tmp_path / "out.html").read_text().count('class="heat whole"') == maps
    nothing = cli("query", "red", "-s", colours, "--to", "text", "--explain")
    assert nothing.code == 0
    assert "leave out --to text" in nothing.out


def test_an_index_without_tokens_says_how_to_add_them(cli: Cli, colours: Path) -> None:
    connection = sqlite3.connect(colours / "catalog.sqlite")
    connection.execute("DELETE FROM token")
    connection.commit()
    connection.close()
    answer = cli("query", "red", "-s", colours)
    assert answer.code == 0
    assert "`search index` adds them" in answer.out
    assert cli("index", "-s", colours).code == 0
    assert "region tokens" not in cli("query", "red", "-s", colours).out


# -- wrong use: 2 -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["query", ""], "empty"),
        (["query", "  \n "], "empty"),
        (["query", "x" * 200_000], "100,000"),
        (["query", "nowhere.jpg"], "not there"),
        (["query", "cat", "-k", "0"], "at least 1"),
        (["query", "cat", "-k", "-3"], "at least 1"),
        (["query", "cat", "--to", "sound"], "image, text or any"),
        (["query", "cat", "--text", "--image"], "exclude"),
        (["query", "/", "--image"], "not a file"),
        (["query", "cat", "--rerank", "-1"], "from 0 to 10,000"),
        (["query", "cat", "--rerank", "many"], "--rerank takes a whole number, not many."),
        (["query", "cat", "--rerank", "5", "--no-rerank"], "exclude"),
        (["query", "cat", "--reranker", "/no/such/folder", "--no-rerank"], "give one"),
        (["query", "cat", "--reranker", "/no/such/folder"], "no reranker in /no/such/folder"),
        (["query", "cat", "--sheet", "/no/such/folder/x.html"], "cannot be written"),
        (["forget"], "Name what to forget"),
        (["forget", "/never/indexed"], "Nothing of /never/indexed"),
        (["index", "/no/such/folder"], "not there"),
        (["index", ".", "--index", "annoy"], "flat, hnsw"),
        (["frobnicate"], "frobnicate"),
        (["query"], "The query is empty"),
    ],
)
def test_wrong_use_is_one_sentence_and_2(cli: Cli, store: Path, arguments: list[str], said: str) -> None:
    answer = cli(*arguments, *(["-s", store] if arguments[0] != "frobnicate" else []))
    assert answer.code == 2
    assert said in answer.err
    assert "Traceback" not in answer.err


def test_a_missing_store_says_how_to_make_one(cli: Cli, tmp_path: Path) -> None:
    for command in (["query", "cat"], ["status"], ["doctor"], ["forget", "x"], ["doctor", "--repair"]):
        answer = cli(*command, "-s", tmp_path / "none")
        assert answer.code == 2
        assert "search index" in answer.err
    assert not (tmp_path / "none").exists()


def test_a_missing_folder_makes_no_store(cli: Cli, tmp_path: Path) -> None:
    assert cli("index", tmp_path / "photos", "-s", tmp_path / "store").code == 2
    assert not (tmp_path / "store").exists()


def test_another_encoder_is_refused_with_the_command_that_mends_it(cli: Cli, store: Path) -> None:
    statement = "UPDATE encoder SET identity = replace(replace(identity, 'bundled', 'colours'), ?, ?)"
    damaged.run(store / "catalog.sqlite", statement, values=('"dimension":', '"dimension":1'), sums=True)
    answer = cli("index", store.parent, "-s", store, "--encoder", "bundled")
    assert answer.code == 2
    assert "--reencode" in answer.err


def test_an_earlier_bundled_encoder_is_refused_and_mended_by_reencoding(cli: Cli, store: Path, indexed: Path) -> None:
    connection = sqlite3.connect(store / "catalog.sqlite")
    (identity,) = connection.execute("SELECT identity FROM encoder").fetchone()
    fields = json.loads(identity)
    fields["weights"] = "f" * 64
    connection.close()
    changed = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    damaged.run(store / "catalog.sqlite", "UPDATE encoder SET identity = ?", values=[changed], sums=True)
    answer = cli("query", "a cat", "-s", store)
    assert answer.code == 2
    assert "--reencode" in answer.err
    assert cli("index", "--reencode", "-s", store).code == 0
    assert "chelsea.png" in cli("query", "a cat", "-s", store, "-k", 1).out


# -- nothing found: 1 ---------------------------------------------------------------------------------------


def test_an_empty_folder_finds_nothing(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    answer = cli("index", tmp_path / "empty", "-s", tmp_path / "store")
    assert answer.code == 0
    assert "no images found" in answer.out
    answer = cli("query", "cat", "-s", tmp_path / "store")
    assert answer.code == 1
    assert "Nothing found" in answer.out


# -- odd queries --------------------------------------------------------------------------------------------


def test_a_long_query_is_answered_and_the_cut_is_said(cli: Cli, indexed: Path) -> None:
    answer = cli("query", "a cat " * 1700, "-s", indexed)  # 10,200 characters
    assert answer.code == 0
    assert "only its first" in answer.out


def test_k_larger_than_the_collection(cli: Cli, indexed: Path) -> None:
    found = json.loads(cli("query", "a cat", "-s", indexed, "-k", 100_000, "--json").out)["hits"]
    assert len(found) == json.loads(cli("status", "-s", indexed, "--json").out)["images"]


def test_a_query_image_that_does_not_decode(cli: Cli, indexed: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 broken")
    answer = cli("query", tmp_path / "broken.jpg", "-s", indexed)
    assert answer.code == 2
    assert "broken.jpg" in answer.err


def test_words_that_are_also_a_file_name(
    cli: Cli, indexed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cat").mkdir()
    (tmp_path / "coffee").write_text("a note")
    assert "chelsea.png" in cli("query", "cat", "-s", indexed, "-k", 1).out
    assert "coffee.png" in cli("query", "coffee", "-s", indexed, "-k", 1).out
    shutil.copy(indexed.parent / "photos" / "rocket.jpg", tmp_path / "dog.jpg")
    assert "rocket.jpg" in cli("query", "dog.jpg", "-s", indexed, "-k", 1).out


# -- some files failed: 3 -----------------------------------------------------------------------------------


def test_bad_files_are_named_with_reasons_and_3(cli: Cli, indexed: Path, tmp_path: Path) -> None:
    photos = tmp_path / "mixed"
    photos.mkdir()
    shutil.copy(indexed.parent / "photos" / "rocket.jpg", photos / "good.jpg")
    (photos / "zero.jpg").touch()
    (photos / "text.jpg").write_text("hello")
    (photos / "cut.jpg").write_bytes((photos / "good.jpg").read_bytes()[:5000])
    store = tmp_path / "s"
    answer = cli("index", photos, "-s", store)
    assert answer.code == 3
    for name in ("zero.jpg", "text.jpg", "cut.jpg"):
        assert name in answer.err
    again = cli("index", photos, "-s", store)  # nothing new to say, and no error of this run
    assert (again.code, "3 still failing (search status --failed)" in again.out, "zero.jpg" in again.err) == (
        0,
        True,
        False,
    )
    (photos / "text.jpg").write_text("hello again")
    changed = cli("index", photos, "-s", store)
    assert (changed.code, "text.jpg" in changed.err, "zero.jpg" in changed.err) == (3, True, False)
    assert cli("query", "a rocket", "-s", store, "--paths").out.strip() == str(photos / "good.jpg")
    listed = cli("status", "-s", store, "--failed").out
    assert len(listed.splitlines()) == 3


# -- broken store: 4 ----------------------------------------------------------------------------------------


def test_a_damaged_catalog_is_4_and_doctor_saves_it(cli: Cli, store: Path) -> None:
    path = store / "catalog.sqlite"
    data = bytearray(path.read_bytes())
    middle = len(data) // 2 // 4096 * 4096
    data[middle : middle + 8192] = os.urandom(8192)
    path.write_bytes(data)
    check = cli("doctor", "-s", store)
    assert check.code == 4
    assert "--repair" in check.out
    mended = cli("doctor", "--repair", "-s", store)
    assert mended.code == 0
    assert "saved" in mended.out
    assert any(entry.name.startswith("catalog.sqlite.damaged-") for entry in store.iterdir())
    # What was lost is read again by the next run.
    photos = json.loads(cli("status", "-s", store, "--json").out)["roots"]
    assert cli("index", *([root["path"] for root in photos] or [store.parent]), "-s", store).code in (0, 3)
    assert cli("doctor", "-s", store).code == 0


def test_a_catalog_that_is_no_database_is_4(cli: Cli, store: Path) -> None:
    (store / "catalog.sqlite").write_bytes(b"not a database at all" * 500)
    for command in (["query", "cat"], ["status"], ["index", str(store.parent)]):
        answer = cli(*command, "-s", store)
        assert answer.code == 4, answer
        assert "catalog.sqlite" in answer.err
    assert cli("doctor", "-s", store).code == 4
    assert cli("doctor", "--repair", "-s", store).code == 0


def test_a_newer_store_is_4_and_untouched(cli: Cli, store: Path) -> None:
    connection = sqlite3.connect(store / "catalog.sqlite")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    for command in (["query", "cat"], ["index", str(store.parent)], ["status"], ["doctor"], ["doctor", "--repair"]):
        answer = cli(*command, "-s", store)
        assert answer.code == 4
        assert "newer version" in answer.err


def test_a_store_that_is_a_file_or_anothers_folder_is_2(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert cli("index", tmp_path, "-s", tmp_path / "file").code == 2
    assert cli("index", tmp_path, "-s", tmp_path).code == 2
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("harm", ["missing", "empty", "cut", "header", "middle", "manifest", "no manifest"])
def test_answers_do_not_depend_on_the_state_of_the_vector_index(cli: Cli, store: Path, harm: str) -> None:
    before = json.loads(cli("query", "a cat", "-s", store, "--json").out)["hits"]
    (index,) = (store / "vectors").glob("image-*")
    data = index.read_bytes()
    match harm:
        case "missing":
            index.unlink()
        case "empty":
            index.write_bytes(b"")
        case "cut":
            index.write_bytes(data[: len(data) // 2])
        case "header":
            index.write_bytes(b"\xff" * 64 + data[64:])
        case "middle":
            index.write_bytes(data[: len(data) // 2] + b"\xff" * 64 + data[len(data) // 2 + 64 :])
        case "manifest":
            (store / "vectors" / "image.json").write_text("{")
        case "no manifest":
            (store / "vectors" / "image.json").unlink()
    assert cli("doctor", "-s", store).code == 4
    assert json.loads(cli("query", "a cat", "-s", store, "--json").out)["hits"] == before
    assert cli("doctor", "-s", store).code == 0  # the query built it again


# -- forgetting and doctor ----------------------------------------------------------------------------------


def test_forgetting_takes_files_out_and_leaves_them_on_disk(cli: Cli, store: Path, indexed: Path) -> None:
    cat = indexed.parent / "photos" / "chelsea.png"
    assert cli("forget", cat, "-s", store).code == 0
    assert cat.exists()
    assert "chelsea.png" not in cli("query", "a cat", "-s", store, "-k", 100, "--paths").out
    assert cli("doctor", "-s", store).code == 0
    assert cli("forget", indexed.parent / "photos", "-s", store).code == 0
    assert cli("query", "a cat", "-s", store).code == 1


def test_forgetting_what_vanished(cli: Cli, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("stays.png", "goes.png"):
        Image.new("RGB", (20, 20), "red").save(photos / name)
    assert cli("index", photos, "-s", tmp_path / "s").code == 0
    (photos / "goes.png").unlink()
    assert cli("index", photos, "-s", tmp_path / "s").code == 0
    assert json.loads(cli("status", "-s", tmp_path / "s", "--json").out)["vanished"] == 1
    assert "1 file" in cli("forget", "--vanished", "-s", tmp_path / "s").out
    found = json.loads(cli("status", "-s", tmp_path / "s", "--json").out)
    assert (found["vanished"], found["images"]) == (0, 1)


def test_doctor_finds_an_embedding_whose_bytes_changed(cli: Cli, store: Path) -> None:
    connection = sqlite3.connect(store / "catalog.sqlite")
    for kind in ("image", "text"):
        connection.execute(
            "UPDATE vector SET data = zeroblob(length(data)) WHERE content_id ="
            " (SELECT max(content_id) FROM item WHERE kind = ?)",
            [kind],
        )
    connection.commit()
    connection.close()
    assert cli("doctor", "-s", store).code == 4
    assert cli("doctor", "--repair", "-s", store).code == 0
    report = json.loads(cli("index", "-s", store, "--json").out)
    assert (report["encoded"], report["texts"]) == (1, 1)
    assert cli("doctor", "-s", store).out == "All is well.\n"
