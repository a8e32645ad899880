"""No sentence that the library can say speaks of Python or of the API to who uses the page."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.fixtures.paths import ROOT
from tests.fixtures.visits import Visit

#: Where sentences come from that can reach the page; not those of other rooms, of assistants and of what starts it.
SOURCES = (
    *("search/engine", "search/query", "search/rerank", "search/calls", "search/calibration", "search/projection"),
    *("search/web", "search/results.py", "search/computing.py", "indexer"),
)
NOT_SHOWN = ("search/web/assistants", "search/web/serving.py", "search/web/models", "search/query/punctuation.py")
#: What a person at the page cannot do anything with.
SPEAKS_CODE = re.compile(
    r"`|\b(?:open|Query|Path|index|repair)\(|\bmin_probability|Hit\.id|like:upload|paths=true|\bPOST\b|Bearer|API's"
    r"|in its JSON"
)


def sentences() -> Iterator[str]:
    """Every text with code in it that these sources have, with a value where one is put in."""
    for source in SOURCES:
        place = ROOT / source
        for path in [place] if place.is_file() else sorted(place.rglob("*.py")):
            if str(path.relative_to(ROOT)).startswith(NOT_SHOWN):
                continue
            tree = ast.parse(path.read_text(encoding="utf-8"))
            skipped = {
                id(inner)
                for node in ast.walk(tree)
                for inner in (
                    ast.walk(node.value)
                    if isinstance(node, ast.Expr) or (isinstance(node, ast.keyword) and node.arg == "description")
                    else node.values
                    if isinstance(node, ast.JoinedStr)
                    else ()
                )
            }
            for node in ast.walk(tree):
                if id(node) in skipped:
                    continue
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    text = node.value
                elif isinstance(node, ast.JoinedStr):
                    text = "".join(str(part.value) if isinstance(part, ast.Constant) else "0.5" for part in node.values)
                else:
                    continue
                if " " in text and SPEAKS_CODE.search(text):
                    yield text


IN_PAGE_WORDS = """async all => {
    const { inPageWords } = await import("/page/wording.js");
    return all.map(inPageWords);
}"""


def test_every_sentence_is_said_in_the_words_of_the_page(visit: Visit) -> None:
    said = sorted(set(sentences()))
    assert len(said) > 100
    told = visit.open().evaluate(IN_PAGE_WORDS, said)
    assert [(one, other) for one, other in zip(said, told, strict=True) if SPEAKS_CODE.search(other)] == []


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "`min_probability=0.5` leaves it out; a lower one shows more.",
            "min:50% leaves it out; a lower one shows more.",
        ),
        ("A higher `min_probability` leaves fewer.", "A higher min: leaves fewer."),
        ("ask in words, and leave out `to='text'`.", "ask in words, and leave out to:text."),
        ("`index()` adds them.", "“Look for changes” in Collections adds them."),
        ("`repair()` mends it.", "“search doctor --repair” in a terminal mends it."),
        (
            "`index('/my photos', reencode=True)` reads it.",
            "“search index '/my photos' --reencode” in a terminal reads it.",
        ),
        (
            "`open(..., encoder='open_clip:a/b').index(reencode=True)`.",
            "“search index --encoder 'open_clip:a/b' --reencode” in a terminal.",
        ),
        (
            "`index(settings=IndexSettings(tokens=True))` adds them",
            "“search index --tokens” in a terminal adds them",
        ),
        ("`pip install 'openTSNE>=1.0'` installs it.", "“pip install 'openTSNE>=1.0'” installs it."),
        (
            "No photograph has the id 7; take one that an answer gave, as `Hit.id` or in its JSON.",
            "No photograph has the id 7; look for it anew.",
        ),
        ("There is no date 2021-02-30.", "There is no date 2021-02-30."),
    ],
)
def test_a_sentence(visit: Visit, said: str, told: str) -> None:
    visit.page.goto(visit.address)
    assert visit.page.evaluate(IN_PAGE_WORDS, [said]) == [told]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("a cat like:/etc/x.png", "drop, paste or choose the image"),
        ("like:#999999", "look for it anew"),
        ("a cat min:99.99% sort:date", "min:99.99% leaves it out"),
    ],
)
def test_what_the_server_says_is_shown_so(visit: Visit, line: str, says: str) -> None:
    page = visit.open()
    page.locator("#line").fill(line)
    page.locator("#summary, #empty").filter(has_text=says).wait_for()
    visit.complaints.clear()  # the browser notes a refusal
