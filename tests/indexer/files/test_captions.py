"""Captions beside images: tables in both forms, sidecars, and whatever else is in such files."""

from __future__ import annotations

import csv
import io
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.errors import CaptionFileError
from indexer.files.captions import (
    MAX_PROBLEMS,
    is_caption_table,
    parse_captions_file,
    parse_csv,
    parse_jsonl,
    parse_sidecar,
    sidecar_image,
)
from indexer.text import clean_text
from indexer.types import Caption


@pytest.fixture
def folder(tmp_path: Path) -> str:
    """A folder with a.jpg, "b c.png", and images/d.jpg."""
    for name in ("a.jpg", "b c.png", "images/d.jpg", "sub/e.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path.parent / "outside.jpg").write_bytes(b"")
    return str(tmp_path)


def _lines(*rows: object) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def _texts(captions: list[Caption]) -> list[str]:
    return [caption.text for caption in captions]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("captions.jsonl", True),
        ("Captions.JSONL", True),
        ("captions.csv", True),
        ("captions.txt", False),
        ("captions.jsonl.bak", False),
        ("my captions.csv", False),
    ],
)
def test_names_of_tables(name: str, expected: bool) -> None:
    assert is_caption_table(name) is expected


# JSON lines


@pytest.mark.parametrize("image_key", ["image", "file", "file_name", "filename", "path", "filepath", "File_Name"])
@pytest.mark.parametrize("text_key", ["caption", "captions", "text", "title", "Caption"])
def test_every_key(folder: str, image_key: str, text_key: str) -> None:
    for value in ("A dog", ["A dog"]):
        captions, problems = parse_jsonl(_lines({image_key: "a.jpg", text_key: value}), folder)
        assert captions == [Caption("A dog", os.path.join(folder, "a.jpg"))]
        assert problems == []


def test_the_form_of_flickr8k(folder: str) -> None:
    row = {"image": "d.jpg", "captions": ["One .", "Two ."], "split": "train"}
    captions, _ = parse_captions_file("captions.jsonl", _lines(row), folder)
    assert captions == [Caption(text, os.path.join(folder, "images", "d.jpg")) for text in ("One .", "Two .")]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("a.jpg", "a.jpg"),
        ("./sub/../a.jpg", "a.jpg"),
        ("sub/e.jpg", "sub/e.jpg"),
        ("sub\\e.jpg", "sub/e.jpg"),
        ("d.jpg", "images/d.jpg"),
        ("images/d.jpg", "images/d.jpg"),
        (" a.jpg ", "a.jpg"),
        ("A.JPG", "a.jpg"),
        ("SUB\\E.jpg", "sub/e.jpg"),
        ("D.jpg", "images/d.jpg"),
        ("gone.jpg", None),
        ("../outside.jpg", None),
        ("sub", None),
        ("/etc/passwd", None),
        ("a.jpg\0", None),
        ("\ud800.jpg", None),
        ("", None),
        (".", None),
    ],
)
def test_which_image_a_row_is_about(folder: str, name: str, found: str | None) -> None:
    captions, problems = parse_jsonl(_lines({"image": name, "caption": "x"}), folder)
    assert captions == [Caption("x", os.path.join(folder, found) if found else None)]
    if not name:
        assert problems == ["1 row names no image (line 1)"]
    elif found:
        assert problems == []
    else:
        assert problems == [f"1 row names an image that is not there, or not below {folder} (line 1: {name})"]


def test_rows_whose_image_is_not_there_are_counted_and_the_first_named(folder: str) -> None:
    rows = [{"image": f"{number}.jpg", "captions": ["x", "y"]} for number in range(5)]
    captions, problems = parse_jsonl(_lines({"image": "a.jpg", "caption": "x"}, *rows), folder)
    assert [caption.about for caption in captions[1:]] == [None] * 10
    assert problems == [
        f"5 rows name images that are not there, or not below {folder} "
        "(line 2: 0.jpg; line 3: 1.jpg; line 4: 2.jpg; ...)"
    ]
    assert parse_csv(b"image,caption\ngone.jpg,x\na.jpg,y\n", folder)[1] == [
        f"1 row names an image that is not there, or not below {folder} (line 2: gone.jpg)"
    ]


def test_images_that_are_not_there_and_are_known_are_named_all_the_same(folder: str) -> None:
    """They are asked for together, and each name once while it is remembered."""
    names = [f"{number}.jpg" for number in range(700) for _ in range(2)] + ["a.jpg", "0.jpg", "\ud800.jpg", "d.jpg"]
    asked: list[int] = []

    def known(paths: Sequence[str]) -> set[str]:
        asked.append(len(paths))
        odd = {os.path.join(folder, f"{number}.jpg") for number in range(1, 700, 2)}
        there = {*odd, os.path.join(folder, "images", "0.jpg"), os.path.join(folder, "images", "a.jpg")}
        return there.intersection(paths)

    rows = [{"image": name, "captions": ["x", "y"]} for name in names]
    captions, problems = parse_jsonl(_lines(*rows), folder, known=known)
    told = [caption.about and os.path.relpath(caption.about, folder) for caption in captions]
    expected = [name if int(name[:-4]) % 2 else None for name in names[2:1400]]
    about = ["images/0.jpg"] * 2 + expected + ["a.jpg", "images/0.jpg", None, "images/d.jpg"]
    assert told == [path for path in about for _ in range(2)]
    assert problems[0].startswith("1,402 rows name images that are not there")
    assert len(asked) == 3
    assert sum(asked) == 2 * (700 + 2)


def test_of_names_that_differ_in_case_none_is_meant(folder: str) -> None:
    for name in ("b.jpg", "B.jpg"):
        with open(os.path.join(folder, name), "wb"):
            pass
    captions, _ = parse_jsonl(_lines(*({"image": name, "caption": name} for name in ("b.jpg", "b.JPG"))), folder)
    assert [caption.about for caption in captions] == [os.path.join(folder, "b.jpg"), None]


def test_a_url_of_a_file(folder: str) -> None:
    url = Path(folder, "b c.png").as_uri()
    assert "%20" in url
    assert parse_jsonl(_lines({"image": url, "caption": "x"}), folder)[0][0].about == os.path.join(folder, "b c.png")
    assert parse_jsonl(_lines({"image": "file://[", "caption": "x"}), folder)[0][0].about is None


def test_images_outside_are_taken_where_that_is_asked_for(folder: str) -> None:
    outside = os.path.join(os.path.dirname(folder), "outside.jpg")
    for name in (outside, "../outside.jpg", Path(outside).as_uri()):
        rows = _lines({"image": name, "caption": "x"})
        assert parse_jsonl(rows, folder, anywhere=True) == ([Caption("x", outside)], [])
        assert parse_jsonl(rows, folder)[0] == [Caption("x", None)]


def test_an_absolute_path_by_the_way_that_a_link_leads(folder: str, tmp_path: Path) -> None:
    link = tmp_path.parent / "link"
    link.symlink_to(folder)
    rows = _lines({"image": os.path.join(folder, "sub", "e.jpg"), "caption": "x"})
    assert parse_jsonl(rows, str(link))[0] == [Caption("x", str(link / "sub" / "e.jpg"))]
    link.unlink()


def test_an_absolute_path_inside_the_folder_is_fine(folder: str) -> None:
    path = os.path.join(folder, "a.jpg")
    assert parse_jsonl(_lines({"image": path, "caption": "x"}), folder)[0] == [Caption("x", path)]


def test_a_name_that_is_not_utf_8(tmp_path: Path) -> None:
    path = os.path.join(str(tmp_path), os.fsdecode(b"\xff.jpg"))
    with open(path, "wb"):
        pass
    captions, _ = parse_jsonl(_lines({"image": os.fsdecode(b"\xff.jpg"), "caption": "x"}), str(tmp_path))
    assert captions == [Caption("x", path)]


def test_bad_lines_are_told_and_good_ones_kept(folder: str) -> None:
    data = b"\n".join(
        [
            b'\xef\xbb\xbf{"image": "a.jpg", "caption": "first"}\r',
            b"{not json",
            b"[1, 2]",
            b'{"image": "a.jpg"}',
            b'{"image": "a.jpg", "caption": 7}',
            b'{"image": "a.jpg", "caption": "caf\xe9"}',
            b"",
            b'{"image": "a.jpg", "caption": "  "}',
            b'{"image": "a.jpg", "captions": []}',
            b"[" * 100_000,
            b'{"caption": "' + b"x" * 1_000_001 + b'"}',
            b'{"caption": "no image\\u0000", "n": ' + b"9" * 5000 + b"}",
            b'{"caption": "about nothing"}',
        ]
    )
    captions, problems = parse_jsonl(data, folder)
    assert captions == [Caption("first", os.path.join(folder, "a.jpg")), Caption("about nothing", None)]
    assert [problem.split(":")[0] for problem in problems[:-1]] == [f"line {n}" for n in (2, 3, 4, 5, 6, 10, 11, 12)]
    assert problems[-1] == "1 row names no image (line 13)"
    assert "UTF-8" in problems[4]


def test_a_line_break_in_a_text_is_no_end_of_line(folder: str) -> None:
    text = "one\u2028two\x0cthree"
    captions, problems = parse_jsonl(json.dumps({"caption": text}, ensure_ascii=False).encode(), folder)
    assert (_texts(captions), problems) == ([clean_text(text)], [])


def test_problems_are_bounded(folder: str) -> None:
    _, problems = parse_jsonl(_lines({"caption": "x"}) + b"bad\n" * 1000, folder)
    assert len(problems) == MAX_PROBLEMS + 1
    assert problems[-1] == f"in {1000 - MAX_PROBLEMS} more rows something was left out"


@pytest.mark.parametrize("data", [b"", b"\n\n", b"nonsense", b'{"caption": ""}', b'{"image": "a.jpg"}', b"\xff\xfe"])
def test_nothing_good_at_all(folder: str, data: bytes) -> None:
    with pytest.raises(CaptionFileError, match="no captions"):
        parse_jsonl(data, folder)


def test_texts_are_cut(folder: str) -> None:
    captions, _ = parse_jsonl(_lines({"caption": "word " * 1000}), folder)
    assert 1990 < len(captions[0].text) <= 2000


def test_captions_are_bounded_too(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line of a megabyte may hold a quarter of a million."""
    monkeypatch.setattr("indexer.files.captions.MAX_ROWS", 3)
    data = _lines({"image": "a.jpg", "captions": ["one", "two", "three", "four"]}, {"image": "a.jpg", "text": "five"})
    captions, problems = parse_jsonl(data, folder)
    assert [caption.text for caption in captions] == ["one", "two", "three", "four"]
    assert problems == ["line 2: captions after the first 3 are not read"]


def test_the_work_for_a_file_is_bounded(folder: str) -> None:
    """Marks on letters, names as long as a line, lists in lists: none takes a time that grows with a square."""
    marks = "a" + "\u0300\u0323" * 4_000
    data = _lines(*[{"image": "a.jpg", "text": f"{number} {marks}"} for number in range(200)])
    data += _lines(*[{"image": "b" * 200_000 + marks * 10, "text": "a name"} for _ in range(3)])
    data += b"[" * 900_000 + b"\n"
    started = time.process_time()
    captions, problems = parse_jsonl(data, folder)
    assert time.process_time() - started < 3  # 12 s and more before
    assert len(captions) == 203
    assert {caption.about for caption in captions[200:]} == {None}
    assert any("it is not JSON" in problem for problem in problems)


@pytest.mark.parametrize("row", [b"a.jpg," + b"x," * 600_000 + b"\n", b'a.jpg,"' + b'\n","' * 300_000 + b'"\n'])
def test_a_row_that_is_too_long_is_left_out(folder: str, row: bytes) -> None:
    """Of one line, or of many: a hundred megabytes of such cells would be gigabytes in memory."""
    captions, problems = parse_csv(b"image,text\na.jpg,before\n" + row + b"\na.jpg,after\n", folder)
    texts = [caption.text for caption in captions]
    assert texts[0] == "before"
    assert texts[-1] == "after"
    assert any("it is longer than 1,000,000 characters" in problem for problem in problems)
    assert problems[0].startswith("line ")


def test_rows_are_bounded(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.files.captions.MAX_ROWS", 3)
    captions, problems = parse_jsonl(_lines(*({"caption": f"text {n}"} for n in range(10))), folder)
    assert len(captions) == 3
    assert problems == ["line 4: rows after the first 3 are not read"]


# Columns


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("header", ["image,caption", "Caption,File_Name", "id,filepath,title,split", None])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_layout(folder: str, delimiter: str, header: str | None, encoding: str, end: str) -> None:
    columns = header.split(",") if header else ["image", "caption"]
    cells = {"image": "a.jpg", "file_name": "a.jpg", "filepath": "a.jpg", "id": "7", "split": "train"}
    text = "Ein Hund, größer; \t| als eine Katze"
    buffer = io.StringIO(newline="")
    rows = csv.writer(buffer, delimiter=delimiter, lineterminator=end)
    if header:
        rows.writerow(columns)
    rows.writerow([cells.get(column.lower(), text) for column in columns])
    captions, problems = parse_csv(buffer.getvalue().encode(encoding), folder)
    assert captions == [Caption(clean_text(text), os.path.join(folder, "a.jpg"))]
    assert problems == []


def test_captions_with_commas_that_nobody_quoted(folder: str) -> None:
    expected = [Caption("A dog, a cat, and a bird", os.path.join(folder, "a.jpg"))]
    assert parse_csv(b"image,caption\na.jpg,A dog, a cat, and a bird\n", folder)[0] == expected
    assert parse_csv(b"a.jpg,A dog, a cat, and a bird\n", folder)[0] == expected


def test_quotes_and_line_breaks_in_a_cell(folder: str) -> None:
    data = b'image,caption\na.jpg,"He said ""hi"",\nand left"\nb c.png,second\nshort\n'
    captions, problems = parse_csv(data, folder)
    assert _texts(captions) == ['He said "hi",\nand left', "second"]
    assert [problem.split(":")[0] for problem in problems] == ["line 5"]


@pytest.mark.parametrize("rows", [1, 20_000], ids=["up to the end", "over a cell's limit"])
def test_a_quote_that_is_never_closed_costs_its_own_line(folder: str, rows: int) -> None:
    data = b'image,caption\na.jpg,fine\na.jpg,"two\nlines"\na.jpg,"open\n' + b"a.jpg,more\n" * rows
    captions, problems = parse_csv(data, folder)
    assert _texts(captions) == ["fine", "two\nlines", *["more"] * rows]
    assert problems == ["line 5: it has a quote that is not closed"]


def test_a_quote_that_is_never_closed_in_the_last_or_the_only_row(folder: str) -> None:
    assert parse_csv(b'image,caption\na.jpg,fine\na.jpg,"open', folder)[1] == [
        "line 3: it has a quote that is not closed"
    ]
    with pytest.raises(CaptionFileError, match=r"it holds no captions \(line 1: .*quote.*not closed"):
        parse_csv(b'a.jpg,"open\n', folder)


def test_quotes_that_are_never_closed_are_read_again_up_to_a_number(folder: str) -> None:
    """Each costs as much as the longest cell."""
    row = b'a.jpg,"open\n' + (b"a.jpg," + b"x" * 990 + b"\n") * 140
    captions, problems = parse_csv(b"image,caption\n" + row * 21, folder)
    assert [problem.partition(": ")[2] for problem in problems[:20]] == ["it has a quote that is not closed"] * 20
    assert 20 * 140 <= len(captions) < 21 * 140


def test_a_cell_that_is_too_long_costs_its_line(folder: str) -> None:
    data = b'image,caption\na.jpg,fine\na.jpg,"open ' + b"x" * 300_000 + b"\na.jpg,more\n"
    captions, problems = parse_csv(data, folder)
    assert _texts(captions) == ["fine", "more"]
    assert len(problems) == 1
    assert problems[0].startswith("line 3: ")


def test_a_column_of_texts_alone(folder: str) -> None:
    assert parse_csv(b"caption\nA dog\nA cat\n", folder)[0] == [Caption("A dog", None), Caption("A cat", None)]


def test_a_csv_that_is_not_utf_8_names_the_line(folder: str) -> None:
    with pytest.raises(CaptionFileError, match="line 3 is not UTF-8"):
        parse_csv(b"image,caption\na.jpg,fine\na.jpg,caf\xe9\n", folder)


@pytest.mark.parametrize("data", [b"", b"\n", b"image,caption\n", b"image,caption\na.jpg,\n", b"\0", b"a,b\nc,d\n"])
def test_columns_with_nothing_good_at_all(folder: str, data: bytes) -> None:
    with pytest.raises(CaptionFileError):
        parse_captions_file("CAPTIONS.CSV", data, folder)


_WORDS = st.text(st.characters(codec="utf-8"), max_size=30)


@given(st.lists(st.tuples(st.sampled_from(["a.jpg", "gone.jpg"]), _WORDS), min_size=1, max_size=8))
@settings(max_examples=100, deadline=None)
def test_what_is_written_is_read(rows: list[tuple[str, str]]) -> None:
    expected = [clean_text(text.replace("\r\n", "\n").replace("\r", "\n")) for _, text in rows]
    expected = [text for text in expected if text]
    as_lines = _lines(*({"image": name, "caption": text} for name, text in rows))
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows([("image", "caption"), *rows])
    for name, data in (("captions.jsonl", as_lines), ("captions.csv", buffer.getvalue().encode())):
        try:
            captions, problems = parse_captions_file(name, data, "/nowhere")
        except CaptionFileError:
            assert expected == []
        else:
            assert _texts(captions) == expected
            assert len(problems) == 1  # nothing is there
            assert "not below /nowhere" in problems[0]


_PIECES = [b"\n", b"\r", b",", b"\t", b'"', b"image,caption\n", b'{"caption": "x"}\n', b'{"image":', b"a.jpg,b\n"]
_PIECES += [b"\xff\xfe", b"\xef\xbb\xbf", b"\0", b"[" * 3000, b"x" * 140_000]
_FRAGMENTS = st.lists(st.one_of(st.binary(max_size=20), st.sampled_from(_PIECES)), max_size=12).map(b"".join)


@given(_FRAGMENTS)
@settings(max_examples=400, deadline=None)
def test_any_bytes_parse_or_have_one_reason(data: bytes) -> None:
    for name in ("captions.jsonl", "captions.csv"):
        try:
            captions, problems = parse_captions_file(name, data, "/nowhere")
        except CaptionFileError:
            continue
        assert captions
        assert len(problems) <= MAX_PROBLEMS + 1
        for caption in captions:
            assert caption.text == clean_text(caption.text)
    try:
        texts = parse_sidecar(data)
    except CaptionFileError:
        return
    assert all(texts)


# Sidecars


@pytest.mark.parametrize(
    ("names", "txt", "expected"),
    [
        ({"photo.jpg", "photo.txt"}, "photo.txt", "photo.jpg"),
        ({"photo.jpg", "photo.jpg.txt"}, "photo.jpg.txt", "photo.jpg"),
        ({"photo.jpg", "photo.png", "photo.webp"}, "photo.txt", "photo.jpg"),
        ({"photo.png", "photo.JPG"}, "photo.txt", "photo.JPG"),
        ({"photo.jpg", "photo.png"}, "photo.png.txt", "photo.png"),
        ({"IMG_1.JPEG"}, "IMG_1.TXT", "IMG_1.JPEG"),
        ({"a b.heic"}, "a b.txt", "a b.heic"),
        ({"photo.v2.jpg"}, "photo.v2.txt", "photo.v2.jpg"),
        ({"000001.jpg"}, "000001.caption", "000001.jpg"),
        ({"photo.cr2", "photo.mov"}, "photo.txt", None),
        ({"other.jpg"}, "photo.txt", None),
        ({"photo.jpg"}, "photo.md", None),
        ({".jpg"}, ".txt", None),
        (set(), "photo.txt", None),
    ],
)
def test_which_image_a_sidecar_is_about(names: set[str], txt: str, expected: str | None) -> None:
    assert sidecar_image(names, txt) == expected


def test_a_sidecar_has_a_caption_a_line() -> None:
    assert parse_sidecar(b"\xef\xbb\xbfA dog\r\n\r\n  A cat \nA dog\n") == ["A dog", "A cat"]
    assert parse_sidecar("Ein Hörnchen".encode("utf-16")) == ["Ein Hörnchen"]
    assert parse_sidecar(b"") == parse_sidecar(b"\n \n") == []


def test_a_long_sidecar_is_one_text() -> None:
    text = parse_sidecar("\n".join(f"line {number}" for number in range(500)).encode())
    assert len(text) == 1
    assert text[0].startswith("line 0 line 1 line 2")
    assert len(text[0]) <= 2000
    assert len(parse_sidecar(b"x" * 3_000_000)[0]) == 2000


def test_a_sidecar_that_is_not_utf_8() -> None:
    with pytest.raises(CaptionFileError, match="line 2 is not UTF-8"):
        parse_sidecar(b"fine\ncaf\xe9\n")


@pytest.mark.parametrize(
    ("field", "texts", "said"),
    [
        (["plum tree", None], ["plum tree"], "element 2 of captions is no text (null)"),
        ([7, "plum tree", "plums"], ["plum tree", "plums"], "element 1 of captions is no text (a number)"),
        (["plum tree", True, {}], ["plum tree"], "element 2 of captions is no text (true), nor is 1 more"),
        ([[], "plum tree", {}, 1.5], ["plum tree"], "element 1 of captions is no text (a list), nor are 2 more"),
        ([None], [], "element 1 of captions is no text (null)"),
        (None, [], "it has no text under caption, captions, text or title"),
    ],
)
def test_of_several_texts_only_those_that_are_none_are_left_out(
    folder: str, field: object, texts: list[str], said: str
) -> None:
    data = _lines({"image": "a.jpg", "caption": "first"}, {"image": "images/d.jpg", "captions": field})
    captions, problems = parse_jsonl(data, folder)
    about = os.path.join(folder, "images", "d.jpg")
    assert captions[1:] == [Caption(text, about) for text in texts]
    assert problems == [f"line 2: {said}"]


def test_texts_under_another_key_count_where_a_list_holds_none(folder: str) -> None:
    captions, problems = parse_jsonl(_lines({"image": "a.jpg", "captions": [None], "text": "a plum"}), folder)
    assert (_texts(captions), problems) == (["a plum"], [])


def test_rows_that_name_no_image_are_counted_and_named(folder: str) -> None:
    captions, problems = parse_csv(b"image,caption\na.jpg,one\n,two\n ,three\ngone.jpg,four\n", folder)
    assert _texts(captions) == ["one", "two", "three", "four"]
    assert [caption.about is None for caption in captions] == [False, True, True, True]
    assert problems == [
        f"1 row names an image that is not there, or not below {folder} (line 5: gone.jpg)",
        "2 rows name no image (line 3; line 4)",
    ]
    rows = _lines({"image": "a.jpg", "text": "one"}, {"image": None, "text": "two"}, {"text": "three"})
    assert parse_jsonl(rows, folder)[1] == ["2 rows name no image (line 2; line 3)"]
    assert parse_jsonl(_lines({"image": "", "text": "two"}), folder)[1] == ["1 row names no image (line 1)"]


def test_a_table_of_texts_alone_names_no_image_by_right(folder: str) -> None:
    assert parse_csv(b"caption\none\ntwo\n", folder)[1] == []
    assert parse_jsonl(_lines({"text": "one"}, {"text": "two"}), folder)[1] == []


@pytest.mark.parametrize(("row", "said"), [("a.jpg", "1 column"), ("a.jpg,1", "2 columns")])
def test_a_row_that_is_too_short_says_how_many_columns_it_has(folder: str, row: str, said: str) -> None:
    _, problems = parse_csv(f"image,id,caption\na.jpg,1,one\n{row}\n".encode(), folder)
    assert problems == [f"line 3: it has {said}, too few for a caption"]
