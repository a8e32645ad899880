"""No sentence that the library can say speaks of Python or of the API to who uses the page."""

from __future__ import annotations

import re

import pytest

from search.web.wording import in_api_words
from tests.fixtures.sentences import sentences
from tests.fixtures.visits import Visit

#: What a person at the page cannot do anything with.
SPEAKS_CODE = re.compile(
    r"`|\b(?:open|Query|Path|index|repair)\(|\bmin_probability|Hit\.id|like:upload|paths=true|\bPOST\b|Bearer|API's"
    r"|in its JSON"
)


IN_PAGE_WORDS = """async all => {
    const { inPageWords } = await import("/page/wording.js");
    return all.map(inPageWords);
}"""


def test_every_sentence_is_said_in_the_words_of_the_page(visit: Visit) -> None:
    said = sorted({in_api_words(each) for each in sentences(SPEAKS_CODE)})
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
            "“search index --reencode --encoder open_clip:a/b” in a terminal.",
        ),
        (
            "`index(settings=IndexSettings(tokens=True))` adds them",
            "“search index --tokens” in a terminal adds them",
        ),
        ("`pip install 'openTSNE>=1.0'` installs it.", "“pip install 'openTSNE>=1.0'” installs it."),
        (
            "No photograph has the id 7; take one that an answer gave, as `Hit.id`.",
            "No photograph has the id 7; look for it anew.",
        ),
        ("There is no date 2021-02-30.", "There is no date 2021-02-30."),
    ],
)
def test_a_sentence(visit: Visit, said: str, told: str) -> None:
    visit.page.goto(visit.address)
    assert visit.page.evaluate(IN_PAGE_WORDS, [in_api_words(said)]) == [told]


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
