"""The query language: what lines mean, that they print as they read, and what is said of those that are wrong."""

from __future__ import annotations

import os
import sys
from types import FrameType
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from indexer.errors import EmptyQueryError, PathNotFoundError, SearchError
from search.query.conditions import AnyOf, Not, all_of, any_of
from search.query.conditions import Test as Check
from search.query.filter import Filter
from search.query.lexer import QuerySyntaxError
from search.query.parser import parse
from search.query.query import Query
from search.query.terms import Term, Words
from search.query.values import Near

#: Files of a working folder whose names are several words, or what else is syntax.
ODD_NAMES = {"my photo.jpg", "a (1).jpg", "one, two + three.jpg", "x: y.jpg", "night beach.jpg", "a - b.jpg"}


def names_image(text: str) -> str | None:
    """As the shell does: one word that ends like an image is one, which has to be there; several only if they are."""
    if " " in text and text not in ODD_NAMES and text.endswith(".jpg"):
        raise PathNotFoundError(f"{text} is not there.")
    return f"/photos/{text}" if text.endswith(".jpg") else None


QUOTED = ("at night", "a b", "c d", "e f", "g")


def words(text: str, weight: float = 1.0) -> Term:
    return Term((Words(text),), weight=weight)


@pytest.mark.parametrize(
    ("line", "terms"),
    [
        ("a red car", [words("a red car")]),
        ("red car -blue", [words("red car"), words("blue", -1)]),
        ("red -blue car", [words("red car"), words("blue", -1)]),
        ("beach.jpg + at night - people", [Term(image="/photos/beach.jpg"), words("at night"), words("people", -1)]),
        ("beach.jpg at night", [Term(image="/photos/beach.jpg"), words("at night")]),
        ("at night sea.jpg", [words("at night"), Term(image="/photos/sea.jpg")]),
        ("my photo.jpg + at night", [Term(image="/photos/my photo.jpg"), words("at night")]),
        ("at night beach.jpg", [words("at"), Term(image="/photos/night beach.jpg")]),
        ("a (1).jpg + red", [Term(image="/photos/a (1).jpg"), words("red")]),
        ("b (1).jpg", [words("b"), Term(image="/photos/(1).jpg")]),
        ("red -one, two + three.jpg", [words("red"), Term(image="/photos/one, two + three.jpg", weight=-1)]),
        ("2*x: y.jpg", [Term(image="/photos/x: y.jpg", weight=2)]),
        ("a - b.jpg", [Term(image="/photos/a - b.jpg")]),
        ("c - b.jpg", [words("c"), Term(image="/photos/b.jpg", weight=-1)]),
        ('"beach.jpg"', [Term((Words("beach.jpg", exact=True),))]),
        ('2*"sunset" + sea', [Term((Words("sunset", exact=True),), weight=2.0), words("sea")]),
        ("red 2*big car", [words("red"), words("big car", 2)]),
        ("car - 0.5*big", [words("car"), words("big", -0.5)]),
        ("beach +sunset", [words("beach"), words("sunset")]),
        ("Mission: Impossible", [words("Mission: Impossible")]),
        ("cat (animal) asleep", [words("cat (animal) asleep")]),
        ("black-and-white", [words("black-and-white")]),
        ("car not:people", [words("car"), Term((Words("people", exact=True),), weight=-1.0)]),
        ("like:sea.jpg calm", [Term(image="sea.jpg"), words("calm")]),
        ("like:my photo.jpg calm", [Term(image="/photos/my photo.jpg"), words("calm")]),
        ("car (type:png | type:jpeg) at night", [words("car at night")]),
        ("ｃａｔ\u200b asleep", [words("cat asleep")]),
        ("2 * dog", [words("dog", 2)]),
        ("red 0.5 *dog", [words("red"), words("dog", 0.5)]),
        ("cat -2* dog", [words("cat"), words("dog", -2)]),
        ("+ dog", [words("dog")]),
        ("a t-shirt -x-ray", [words("a t-shirt"), words("x-ray", -1)]),
        ("犬＋猫 ＋ 海 －人", [words("犬+猫"), words("海"), words("人", -1)]),
        ("cat \u2212dog", [words("cat"), words("dog", -1)]),
        ("cat – dog house", [words("cat"), words("dog house", -1)]),
        ("1990–2000", [words("1990–2000")]),
        ("cat AND dog", [words("cat dog")]),
        ("cat NOT dog asleep", [words("cat asleep"), words("dog", -1)]),
        ("cat NOT “big dog”", [words("cat"), Term((Words("big dog", exact=True),), weight=-1)]),
        ("ROCK AND ROLL", [Term((Words("ROCK"), Words("AND", exact=True), Words("ROLL")))]),
        ('rock "AND" roll', [Term((Words("rock"), Words("AND", exact=True), Words("roll")))]),
        (
            '„at night“ »a b« «c d» “e f" ＂g＂',
            [Term(tuple(Words(each, True) for each in ("at night", "a b", "c d", "e f", "g")))],
        ),
        ("Ｍission： Impossible", [words("Mission: Impossible")]),
        ("{} [red]", [words("{} [red]")]),
        ("zebra - a dog", [words("zebra"), words("a dog", -1)]),
        (
            'zebra -"the" - of "the who"',
            [
                words("zebra"),
                Term((Words("the", exact=True),), weight=-1),
                Term((Words("of"), Words("the who", exact=True)), weight=-1),
            ],
        ),
        ("zebra -photo -犬 -🐶 -a4", [words("zebra"), *(words(each, -1) for each in ("photo", "犬", "🐶", "a4"))]),
    ],
)
def test_terms(line: str, terms: list[Term]) -> None:
    assert list(parse(line, names_image).terms) == terms


def test_a_radius_stands_behind_the_quotation_marks_of_its_place_or_within() -> None:
    for line in ('near:"New York",5', 'near:"New York,5"', "near:“New York”,5"):
        assert parse(f"cat {line} asleep").where == Check("near", Near("New York", 5.0)), line
    with pytest.raises(QuerySyntaxError, match="a space is missing behind the quotation mark"):
        parse('"New York",5')
    with pytest.raises(QuerySyntaxError, match="a space is missing behind the quotation mark"):
        parse('near:"New York"5')


def test_filters() -> None:
    found = parse(
        'invoice text:"ACME" -has:gps (type:png | path:**/scans/** year:2021) near:Paris,5 min:50% sort:-date'
    )
    assert (found.min_probability, found.sort, found.to) == (0.5, "-date", None)
    png, path = Check("type", "png"), Check("path", "**/scans/**")
    year = parse("year:2021").where
    assert year is not None
    assert found.where == all_of(
        Check("text", "ACME"),
        Not(Check("has", "gps")),
        any_of(png, all_of(path, year)),
        Check("near", Near("Paris", 5.0)),
    )
    assert isinstance(parse("(type:png | type:gif)").where, AnyOf)


@pytest.mark.parametrize(
    ("line", "position", "said"),
    [
        ("red in:2021-13", 7, "there is no month 13"),
        ("in:2021-02-30", 3, "February 2021 has no day 30"),
        ("in:2021..2019", 3, "ends before it begins; write 2019..2021"),
        ("size:5MB..1MB", 5, "write 1MB..5MB"),
        ("cat near:,5", 9, "a radius without a place"),
        ("near:5km", 5, "a radius without a place"),
        ("near:91,2", 5, "is no latitude"),
        ("near:Paris,0", 5, "is no radius in km"),
        ("time:25:00", 5, "is no time of day"),
        ("a caemra:pixel", 2, "did you mean camera:"),
        ("since:2021", 0, "did you mean after:"),
        ("with-text:foo", 0, 'there is no field with-text:; did you mean text:, as in text:"ACME invoice"?'),
        ("a dog min-probability:50%", 6, "did you mean min:, as in min:50%? To look for the words"),
        ("a dog min_probability:50%", 6, "did you mean min:, as in min:50%?"),
        ("a dog -with-text:foo", 6, "did you mean text:"),
        ("near: Paris", 0, "follows without a space"),
        ('red "car', 4, "has no partner"),
        ('red car"', 7, "has no partner"),
        ("a (type:png", 2, "this bracket is not closed"),
        ("type:png)", 8, "this bracket closes none"),
        ("a | b", 2, "in brackets"),
        ("(type:png | )", 12, "a filter is missing"),
        ("(type:png red)", 10, "words cannot stand in brackets"),
        ("a x*sunset", 2, "'x' is no weight"),
        ("0*sunset", 0, "'0' is no weight"),
        ("2*in:2021", 0, "has no weight"),
        ("-people", 0, "only what is not wanted"),
        ("in:2021 -dog", 8, "or photo -blue for photographs of anything"),
        ("a - -b", 4, "two minus signs"),
        ("a + ", 2, "nothing stands behind this +"),
        ('a ""', 2, "nothing stands between the quotation marks"),
        ("a min:50", 6, "50 % is 0.5"),
        ("a -sort:date", 2, "has no minus before it"),
        ("sort:date sort:name", 10, "sort:date and sort:name say different things; give one"),
        ("a min:50% min:0.6", 10, "min:50% and min:0.6 say different things"),
        ("type:jepg", 5, "did you mean jpeg?"),
        ("dog type:(png)", 9, "stands without brackets, as in type:jpeg"),
        ("date:2021", 5, "write in:2021"),
        ("id:abc", 3, "is no id of a hit"),
        ("-not:x a", 0, "says no twice"),
        ("[in:2021]", 0, "filters are joined in round brackets"),
        ("{type:png | type:gif}", 0, "filters are joined in round brackets"),
        ("in:[2021]", 3, "the value of in: stands without brackets, as in in:2021"),
        ("name:(a b)", 5, "the value of name: stands without brackets"),
        ("cat OR dog", 4, "OR stands between filters in brackets, as in (type:png | type:jpeg)"),
        ("country:usa|uk", 11, "as in (country:usa | country:uk)"),
        ("type:png OR type:gif", 9, "as in (type:png | type:gif)"),
        ("cat AND", 4, "AND stands between two parts"),
        ("OR cat", 0, "OR stands between two parts"),
        ("cat NOT", 4, "what NOT turns round stands behind it"),
        ("cat NOT -dog", 4, "what NOT turns round stands behind it"),
        ("name:_a;b|c", 9, 'as in (name:_a;b | name:c); for one value write name:"_a;b|c".'),
        ('like:"x.jpg" or in:2021', 13, "in brackets, as in (type:png | type:jpeg); to look for"),
        ("name:a | b", 7, 'as in (name:a | name:b); to look for the words, write "|".'),
        ('dog like:""', 4, "like: has no value; an image is named behind it, as in like:beach.jpg."),
        ("like:- -like:-", 7, "like:- is standard input, which holds one image; say it once."),
        ("near:48.8566N,2.3522E", 5, "has no decimal degrees, as in near:48.85,2.35; south and west have a minus."),
        ('near:"48.8566 n, 2.3522 w"', 5, "has no decimal degrees"),
        ("dog*2", 0, "a weight stands before its words, as in 2*dog"),
        ("dog * 2", 4, "a weight stands before its words"),
        ("dog *2", 4, "a weight stands before its words"),
        ('"at night"*2', 10, "a weight stands before its words"),
        ("1e9*dog", 0, "'1e9' is no weight"),
        ("nan*dog", 0, "'nan' is no weight"),
        ("½*dog", 0, "'½' is no weight"),
        ("--dog", 0, "two minus signs before one word"),
        ("dog --to any", 4, "an option of the command stands outside of the quotation marks"),
        ("cat -–dog", 4, "two minus signs before one word"),
        ("dog - ", 4, "nothing stands behind this -"),
        ("dog + + cat", 4, "nothing stands behind this +"),
        ("a «b c", 2, "the quotation mark « has no partner"),
        ("a size:>5 MB", 10, "the unit stands right behind its number, as in size:>5MB"),
        ("near:48°51'N,2°21'E", 5, "has no decimal degrees, as in near:48.85,2.35"),
        ("near:Paris,0km", 5, "as in near:Paris,5: more than 0, at most 20,040."),
        ("sort:-score", 5, "would show what fits least first"),
        ("near:48,85,2,35", 5, "has no decimal degrees, as in near:48.85,2.35"),
        ("time:7 pm", 7, "the unit stands right behind its number, as in time:7pm"),
        ("size:2,5MB", 5, "a decimal point and no commas"),
        ("in:june", 3, "for that month of any year write month:june"),
        ("after:2021..2022", 6, "a span of dates is in:2021..2022"),
        ("has:gps,caption", 4, "for several write has:gps has:caption"),
        ("2*(dog cat)", 2, "a weight takes words without brackets"),
        ("a + type:png", 2, "type: needs no + before it; leave it out."),
        ("a - type:png", 2, "the minus of a field stands right before it, as in -type:png."),
        (
            "camera:pixel or camera:canon",
            13,
            "or stands between filters in brackets, as in (camera:pixel | camera:canon)",
        ),
        ("camera:canon or nikon", 13, "as in (camera:canon | camera:nikon)"),
        ("dog or in:2021", 4, "or stands between filters in brackets"),
        ("has:gps and", 8, 'and stands between two parts; for the word write "and"'),
        ("not -has:gps", 0, "what not turns round stands behind it"),
        ("!has:gps", 1, 'a minus turns a field round, as in -has:gps; to look for the words, write "!has:gps"'),
        ("a dog,in:2021", 6, "a field stands by itself, as in in:2021"),
        ("a dog 'in:2021'", 7, "a field stands by itself, as in in:2021"),
        ("a-in:2021", 2, "a field stands by itself, as in in:2021"),
        ("\u732bin:2021", 1, "a field stands by itself, as in in:2021"),
        ("IMG_*.jpeg", 0, 'a pattern of names is written name:IMG_*.jpeg; to look for the words, write "IMG_*.jpeg"'),
        ("red -IMG_*.tif", 4, "is written name:IMG_*.tif"),
        ("IMG_2021*", 0, "is written name:IMG_2021*"),
        ("*.scan", 0, "is written name:*.scan"),
        ("*.scan.*", 0, "is written name:*.scan.*"),
        ("scans/*.png", 0, "a pattern of paths is written path:scans/*.png"),
        ("a trips/paris/IMG_*.png", 2, "is written path:trips/paris/IMG_*.png"),
        ("dog*0.5", 0, "a weight stands before its words, as in 0.5*dog"),
        ("dog 2*", 4, 'nothing stands behind this weight, as in 2*dog; to look for the words, write "2*"'),
        ("2*", 0, "nothing stands behind this weight"),
        ("cat 0.5* in:2021", 4, "in: has no weight"),
        ("in:2021 2*", 8, "nothing stands behind this weight"),
        ("2* + dog", 0, "nothing stands behind this weight"),
        ("cat 2* -dog", 4, "nothing stands behind this weight"),
        ("2*2*cat", 0, "one weight stands before words, as in 2*dog or -2*dog"),
        ("2**cat", 0, "one weight stands before words"),
        ("2*-cat", 0, "as in 2*dog or -2*dog"),
        ("year:9999", 5, "years go from 1000 to 9998"),
        ("year:2019-2021", 5, "a range has two dots, as in year:2019..2021."),
        ("time:18:00–23:00", 5, "a range has two dots, as in time:18:00..23:00."),
        ("in:2021-06-2021-09", 3, "as in in:2021-06..2021-09."),
        ("month:jun-aug", 6, "as in month:jun..aug."),
        ("weekday:sat,,sun", 8, "a value is missing beside a comma of 'sat,,sun'"),
        (
            "animal NOT a dog",
            7,
            '"a" alone says nothing of a picture; several words are subtracted in quotation marks, as in -"a dog".',
        ),
        ("animal -a dog asleep in:2021", 7, 'as in -"a dog asleep".'),
        ("animal not:A dog -cat", 7, 'as in -"A dog".'),
        ("animal -2*the red car", 7, 'as in -2*"the red car".'),
        ("animal NOT in:2021 -some -any dog", 19, '"some" alone says nothing'),
        (
            "zebra -the",
            6,
            '"the" alone says nothing of a picture; several words are subtracted in quotation marks, as in -"a dog".',
        ),
        ("zebra -the, lion", 6, '"the," alone says nothing'),
        ("zebra -ａ", 6, "alone says nothing of a picture"),
        ("zebra -.", 6, '"." alone says nothing'),
        ("zebra -$ x", 6, '"$" alone says nothing'),
        (
            "zebra - of the + lion",
            6,
            '"of the" alone says nothing of a picture; leave it out, or say what is not wanted, as in car - blue.',
        ),
        ("zebra - !", 6, '"!" alone says nothing of a picture; leave it out'),
    ],
)
def test_wrong_lines_are_told_where(line: str, position: int, said: str) -> None:
    with pytest.raises(QuerySyntaxError) as refused:
        parse(line, names_image)
    assert refused.value.position == position
    assert said in str(refused.value)
    assert str(refused.value).startswith(f"The query is wrong at character {position + 1}: ")


@pytest.mark.parametrize(
    ("line", "note"),
    [
        ("Mission: Impossible", "Mission: is no field of a query, and was taken for words."),
        ("iso:100", "iso: is no field of a query, and was taken for words."),
        ("birthday 2021-06", "2021-06 was taken for words; in:2021-06 means that time."),
        (
            "type:png type:gif",
            "Both type:png and type:gif have to hold; for either write (type:png | type:gif).",
        ),
        ("cat – dog", '– was read as a minus; for the dash write "–".'),
        ("cat —dog", '— was read as a minus; for the dash write "—".'),
        ("cat AND dog", 'AND was read as a space; for the word write "AND".'),
        ("cat NOT dog", 'NOT was read as a minus; for the word write "NOT".'),
        ("(type:png OR type:gif)", 'OR was read as |; for the word write "OR".'),
        ("near:new york skyline", 'near:new york was read as near:"new york".'),
        ("camera:iphone 12", '12 was taken for words; as a part of the value write camera:"iphone 12".'),
        (
            "in:2021 -camera:iphone 12 sort:date",
            '12 was taken for words; as a part of the value write camera:"iphone 12".',
        ),
        (
            "keyword:New York skyline",
            'York skyline was taken for words; as a part of the value write keyword:"New York skyline".',
        ),
        ("lens:EF50mm f/1.8", 'f/1.8 was taken for words; as a part of the value write lens:"EF50mm f/1.8".'),
        ("path:scans [old]", '[old] was taken for words; as a part of the value write path:"scans [old]".'),
        ("text:a B c in:2021", 'B c was taken for words; as a part of the value write text:"a B c".'),
        ("camera:canon eos", 'eos was taken for words; as a part of the value write camera:"canon eos".'),
        ("name:IMG 2 type:png -x", '2 was taken for words; as a part of the value write name:"IMG 2".'),
        ("near:Paris 5", "5 was taken for words; as a part of the value write near:Paris,5."),
        ("not in:2021", 'not was read as a minus; for the word write "not".'),
        ("has:gps and camera:pixel", 'and was read as a space; for the word write "and".'),
        ("a dog And in:2021", 'And was read as a space; for the word write "And".'),
        ("(type:png or type:gif)", 'or was read as |; for the word write "or".'),
        (
            "in:2021 not dog",
            "not was taken for a word; to subtract what follows write a minus right before it.",
        ),
        ("dog*", "dog* was taken for words; for names that begin so write name:dog*."),
        ("12:30", "12:30 was taken for words; time:12:30 means that time of the day."),
        (":dog", ":dog has no field before its colon, and was taken for words."),
        ("ROCK AND ROLL", "AND was taken for a word, as all words are in capitals."),
    ],
)
def test_what_may_be_meant_otherwise_is_noted(line: str, note: str) -> None:
    assert parse(line).notes == (note,)


def test_a_second_value_that_goes_on_is_noted_too() -> None:
    assert parse("camera:iphone 12 lens:EF50mm f/1.8").notes == (
        '12 was taken for words; as a part of the value write camera:"iphone 12".',
        'f/1.8 was taken for words; as a part of the value write lens:"EF50mm f/1.8".',
    )


@pytest.mark.parametrize(
    "line",
    ["camera:pixel dog", "name:coco* bicycle", "name:coco* Bicycle", "path:Trips/Paris dog", "keyword:family reunion",
     "text:a b c", "keyword:eos", "a dog camera:pixel red", 'camera:"iphone 12" red', "camera:pixel + red",
     "camera:pixel beach.jpg", "in:2021 red",
     "camera:pixel -red a", "near:paris boats", "camera:pixel", "to be or not to be", "black and white in:2021",
     "cat (animal) and dog", "16:9", "wait ... what", "prénom", "f**k"],
)  # fmt: skip
def test_what_is_meant_as_it_stands_is_not_noted(line: str) -> None:
    assert parse(line, names_image).notes == ()


def test_filters_in_other_forms() -> None:
    for line, same in (
        ("in：2021 （type：png ｜ type:gif）", "in:2021 (type:png | type:gif)"),
        ("in:２０２１", "in:2021"),
        ("type:png AND NOT has:gps", "type:png -has:gps"),
        ("NOT (type:png OR type:gif)", "-(type:png | type:gif)"),
        ("not has:gps", "-has:gps"),
        ("type:png and not has:gps", "type:png -has:gps"),
        ("not (type:png or (type:gif and has:gps))", "-(type:png | (type:gif has:gps))"),
        ("−has:gps", "-has:gps"),
        ("weekday:sat,sun", "(weekday:sat | weekday:sun)"),
        ("(has:gps | type:png,gif)", "(has:gps | type:png | type:gif)"),
        ("-type:png,gif", "-(type:png | type:gif)"),
        ("type:png,png", "type:png"),
        ("country:FR,DE", "(country:FR | country:DE)"),
        ("near:new york skyline", 'near:"new york"'),
        ("(near:new york,5 | -near:Paris, 5)", '(near:"new york,5" | -near:Paris,5)'),
        ("near:48.85, 2.35 boats", "near:48.85,2.35"),
        ("near:Paris,5 km", "near:Paris,5"),
        ('near:"New York", 5 boats', 'near:"New York,5"'),
        ("near:Paris, Texas", 'near:"Paris, Texas"'),
        ("near:columbus in snow", "near:columbus"),
        ("country:new zealand sheep", 'country:"new zealand"'),
        ("year:>2020", "year:2021.."),
        ("year:<=2020", "year:..2020"),
        ("weekday:weekdays", "weekday:mon..fri"),
    ):
        assert parse(line).where == parse(same).where, line
    assert str(parse("near:Paris size:>5MB time:7pm year:>=2021").where) == (
        "near:Paris,20 size:>5MB time:7pm year:>=2021"
    )
    assert parse("path:[2021]/（old） name:(1)").where == all_of(Check("path", "[2021]/（old）"), Check("name", "(1)"))
    assert parse('country:"Korea, South"').where == Check("country", "Korea, South")
    assert parse('path:"C:\\photos\\" red').where == Check("path", "C:\\photos\\")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "The query is empty; say what to look for"),
        ("min:50%", "min:50% says how to answer; say what to look for as well, as in a red car min:50%."),
        ("to:text min:0.5", "to:text min:0.5 says how to answer"),
    ],
)
def test_lines_that_ask_for_nothing(line: str, said: str) -> None:
    with pytest.raises(EmptyQueryError, match=said):
        parse(line)


_WORD = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), min_size=1, max_size=12)
_PIECES = st.one_of(
    _WORD,
    st.sampled_from(
        ["red", "car", "+", "-", "-blue", '"at night"', "2*sunset", '-2*"x y"', "in:2021", "after:2w", "before:today",
         "2019-06..2019-09", "year:..2020", "month:nov..feb", "weekday:weekend", "time:22..4", "time:18:30..19",
         "near:Paris", "near:48.85,2.35,3", 'near:"Paris, Texas",40', "camera:pixel", 'lens:"50 mm"', "path:**/a/*.png",
         "name:IMG*", "type:jpg", "size:>5MB", "size:1kB..2kB", "megapixels:12", "megapixels:>12.5", "width:..900",
         "orientation:portrait", "has:gps", '-text:"a (b) | c"', "id:4", "min:50%", "min:0.123", "sort:-date", "to:any",
         "(type:png | -type:gif)", "-(in:2021 (has:gps | year:2020))", "(words)", "b.jpg", "-c.jpg", "3*d.jpg",
         "foo:bar", "like:\"a \\\" b\"", "not:x", "-(animal)", "((has:gps) | ((has:date)))", "$", "a|b", ")", "(",
         "AND", "OR", "NOT", "–", "－x", "in：2021", "my photo.jpg", "a (1).jpg", "weekday:sat,sun", "2 * dog", "*",
         "2*", "0.5*", "2**cat", "2*2*cat", "2*-x", "and", "or", "not", "IMG_*.gif", "dog*", "x,in:2021", "!has:gps",
         "camera:iphone 12", ":x", "12:30", "(2*)", "(or)",
         "„x y“", "[x]", "path:[2021]", "name:(1)", "foo:(x)", "RED", "−-x", "ＡＮＤ", "near:48,2", "country:FR,DE",
         "a", "-the", "- of", "-.", "not:a", '-"a"', "-🐶"]
    ),
)  # fmt: skip


def parsed(line: str) -> Query:
    """As `Query.parse` reads it, but for the files of images, which need not be there."""
    found = parse(line, names_image)
    where = None if found.where is None else Filter.of(found.where)
    settings = {"sort": found.sort, "min_probability": found.min_probability, "to": found.to}
    return Query(terms=found.terms or None, where=where, **settings)  # type: ignore[arg-type]


def test_a_long_line_takes_work_that_grows_with_its_length() -> None:
    def lines_run(words: int) -> int:
        count = 0

        def trace(_frame: FrameType, event: str, _given: object) -> Any:
            nonlocal count
            count += event == "line"
            return trace

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            parse("a (b) x.y " * (words // 3), names_image)
        finally:
            sys.settrace(before)
        return count

    lines_run(30)
    assert lines_run(2_400) < 16 * lines_run(300)  # 8 times as many words; a square would run 64 times as many lines


#: How many lines are made; the long form is `QUERY_LINES=20000 python -m pytest tests/search/query/test_parser.py`.
LINES = int(os.environ.get("QUERY_LINES", "300"))


@settings(max_examples=LINES, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(st.lists(_PIECES, max_size=8).map(" ".join))
def test_what_is_read_prints_as_an_equal_line(line: str) -> None:
    try:
        found = parsed(line)
    except SearchError:
        assume(False)  # so that as many lines are read as are counted
    again = parsed(str(found))
    assert again == found, str(found)
    assert str(again) == str(found)


@settings(max_examples=LINES, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_with_a_place(line: str) -> None:
    error: SearchError | None = None
    try:
        parse(line)
    except SearchError as caught:
        error = caught
    assert error is None or (str(error).endswith(".") and "\n" not in str(error))
    assert not isinstance(error, QuerySyntaxError) or 0 <= error.position <= len(line)
