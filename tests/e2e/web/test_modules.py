"""Modules of the page by themselves, in the browser that runs them: lines, rows, percentages."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from search.query.fields import FIELDS
from search.query.quoting import quoted_where_needed
from search.results import percent
from tests.fixtures.visits import Visit

READ = """async ([line, known]) => {
    const { parts } = await import("/page/line.js");
    return parts(line, new Set(known)).filter(({ kind }) => kind !== "words").map(({ kind, text }) => [kind, text]);
}"""


def read(page: Any, line: str) -> list[tuple[str, str]]:
    """Kinds and texts of the parts that chips show."""
    return [(kind, text) for kind, text in page.evaluate(READ, [line, list(FIELDS)])]


@pytest.mark.parametrize(
    ("line", "chips"),
    [
        ("a red car at night", []),
        ("red car -blue in:2021", [("minus", "-blue"), ("filter", "in:2021")]),
        ('camera:"canon eos" -"two words"', [("filter", 'camera:"canon eos"'), ("minus", '-"two words"')]),
        ('near:"New York",5', [("filter", 'near:"New York",5')]),
        ("a cat - at night + snow", [("minus", "- at night")]),
        ("x (type:png | path:**/old/**) y", [("filter", "(type:png | path:**/old/**)")]),
        ("-(type:png | has:gps) z", [("filter", "-(type:png | has:gps)")]),
        ("(two words) z", []),
        ("2019-06..2019-09", [("filter", "2019-06..2019-09")]),
        ("Mission: Impossible http://x.org", []),
        ("like:#12 at night", [("image", "like:#12")]),
        (f"like:upload:{'0a' * 16} -like:#3", [("image", f"like:upload:{'0a' * 16}"), ("minus", "-like:#3")]),
        ("not:people sort:-date min:50%", [("minus", "not:people"), ("filter", "sort:-date"), ("filter", "min:50%")]),
        ('a "quote that is open', []),
    ],
)
def test_a_line_has_these_chips(visit: Visit, line: str, chips: list[tuple[str, str]]) -> None:
    assert read(visit.open(), line) == chips


@pytest.mark.parametrize(
    ("line", "asked"),
    [
        ("a dog in:^", "a dog"),
        ("in:^", ""),
        ("a dog in:^ at night", "a dog at night"),
        ("a dog -has:^", "a dog"),
        ('camera:"^', ""),
        ("a dog in:2^", "a dog in:2"),
        ("a dog in:^2021", "a dog in:2021"),
        ("a dog in: at^", "a dog in: at"),
        ("Mission:^", "Mission:"),
        ("a dog -^", "a dog"),
        ("a dog +^", "a dog"),
        ("a-^", "a-"),
        ("a dog", "a dog"),
    ],
)
def test_a_field_whose_value_is_to_come_is_left_out(visit: Visit, line: str, asked: str) -> None:
    caret = line.find("^") if "^" in line else len(line)
    told = visit.open().evaluate(
        """async ([line, caret, known]) => {
            const { begun } = await import("/page/line.js");
            return begun(line, caret, new Set(known));
        }""",
        [line.replace("^", ""), caret, list(FIELDS)],
    )
    assert told == asked


def test_every_part_stands_where_it_says_and_going_without_it_leaves_the_rest(visit: Visit) -> None:
    page = visit.open()
    pieces = st.sampled_from(
        [
            "red",
            "car",
            "-blue",
            "in:2021",
            '"at night"',
            '-"two words"',
            "(type:png | has:gps)",
            "camera:pixel",
            "like:#4",
            "+",
            "2*cat",
        ]
    )

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.tuples(pieces, st.sampled_from([" ", "  "])), max_size=8))
    def check(line: list[tuple[str, str]]) -> None:
        text = "".join(piece + space for piece, space in line)
        good = page.evaluate(
            """async ([line, known]) => {
                const { parts, without } = await import("/page/line.js");
                const names = new Set(known);
                const found = parts(line, names);
                const squeezed = (text) => text.replace(/\\s+/g, "");
                return found.every((part) => line.slice(part.start, part.end) === part.text)
                    && squeezed(found.map((part) => part.text).join("")) === squeezed(line)
                    && found.every((part) => parts(without(line, part), names).length <= found.length
                        && squeezed(without(line, part)).length === squeezed(line).length - squeezed(part.text).length);
            }""",
            [text, list(FIELDS)],
        )
        assert good, text

    check()


def test_values_are_quoted_as_the_library_does(visit: Visit) -> None:
    page = visit.open()
    values = ["pixel", "canon eos", 'a "b"', "C:\\photos", "", "f(1)", "a|b", "Île", "50mm"]
    told = page.evaluate(
        "async values => { const { quoted } = await import('/page/line.js'); return values.map(quoted); }", values
    )
    assert told == [quoted_where_needed(value) for value in values]


def test_rows_fill_the_width_whatever_comes_in_pages(visit: Visit) -> None:
    page = visit.open()
    wrong = page.evaluate(
        """async () => {
            const { Layout } = await import("/page/layout.js");
            const wrong = [];
            let seed = 7;
            const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
            for (let round = 0; round < 40; round += 1) {
                const width = 320 + Math.floor(random() * 1600);
                const many = { length: 1 + Math.floor(random() * 300) };
                const photos = Array.from(many, () => ({ aspect: 0.2 + 4 * random() ** 2 }));
                const [whole, paged] = [new Layout(width, 200, 6), new Layout(width, 200, 6)];
                whole.extend(photos, true);
                for (let end = 1; end < photos.length; end += 1 + Math.floor(random() * 60)) {
                    paged.extend(photos.slice(0, end), false);
                }
                paged.extend(photos, true);
                if (JSON.stringify(whole.rows) !== JSON.stringify(paged.rows)) wrong.push("pages change rows");
                if (whole.rows.at(-1).end !== photos.length) wrong.push("photographs are missing");
                whole.rows.slice(0, -1).forEach((row, at) => {
                    const right = row.lefts.at(-1) + row.widths.at(-1);
                    if (Math.abs(right - width) > 0.01) wrong.push(`row ${at} ends at ${right} of ${width}`);
                    if (whole.rows[at + 1].start !== row.end) wrong.push("rows do not join");
                    if (row.height < 60 || row.height > 280) wrong.push(`row ${at} is ${row.height} high`);
                });
                photos.forEach((_, index) => {
                    const row = whole.rows[whole.rowOf(index)];
                    if (index < row.start || index >= row.end) wrong.push("rowOf");
                });
            }
            return wrong.slice(0, 5);
        }"""
    )
    assert wrong == []


def test_a_percentage_reads_as_in_the_shell(visit: Visit) -> None:
    chances = [at / 1_000 + 0.0001 for at in range(1_000)]
    page = visit.open()
    told = page.evaluate(
        "async chances => { const { percent } = await import('/page/words.js'); return chances.map(percent); }", chances
    )
    assert told == [percent(chance) for chance in chances]
    assert told[46] == "4 %"
