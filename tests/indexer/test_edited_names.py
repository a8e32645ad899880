"""Which photograph an edited one is of, and back."""

from __future__ import annotations

import os
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.edited_names import edited_between, may_be_edited_of, original_among, originals_between

NFC, NFD = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))


def _is_between(path: str, ranges: list[tuple[str, str]]) -> bool:
    return any(os.fsencode(first) <= os.fsencode(path) < os.fsencode(end) for first, end in ranges)


@pytest.mark.parametrize(
    ("name", "original"),
    [
        ("/p/IMG_1-edited.jpg", "/p/IMG_1.jpg"),
        ("/p/IMG_1-edited(2).jpg", "/p/IMG_1(2).jpg"),
        ("/p/IMG_1(2)-edited.jpg", "/p/IMG_1(2).jpg"),
        ("/p/IMG_1-bearbeitet.HEIC", "/p/IMG_1.HEIC"),
        ("/p/IMG_1-modifié.jpg", "/p/IMG_1.jpg"),
        (unicodedata.normalize("NFD", "/p/IMG_1-modifié.jpg"), "/p/IMG_1.jpg"),
        ("/p/IMG_1-ha editado.jpg", "/p/IMG_1.jpg"),
        ("/p/IMG_1-edited.jpg", "/p/IMG_1.HEIC"),
        ("/p/IMG_1-edited(2).jpg", "/p/IMG_1(2).png"),
        ("/p/IMG_1-edited.JPG", "/p/IMG_1.jpg"),
        ("/p/IMG_1-effects.jpg", "/p/IMG_1.JPG"),
        (f"/p/{NFC}-edited.jpg", f"/p/{NFD}.jpg"),
        (f"/p/{NFD}-smile.jpg", f"/p/{NFC}.HEIC"),
        (unicodedata.normalize("NFD", f"/p/{NFC}-modifié(1).jpg"), f"/p/{NFC}(1).jpg"),
    ],
)
def test_the_original_of_an_edited_photograph(name: str, original: str) -> None:
    assert original_among(name, [original, "/p/other.jpg"]) == original
    assert _is_between(original, originals_between(name))
    assert _is_between(name, edited_between(original))
    assert may_be_edited_of(name, original)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("/p/IMG_1.jpg", "/p/IMG_1.jpg"),
        ("/p/-edited.jpg", "/p/.jpg"),
        ("/p/IMG_1-edited-2.jpg", "/p/IMG_1.jpg"),
        ("/p-edited/IMG_1.jpg", "/p/IMG_1.jpg"),
        ("/p/IMG_1-edited.jpg", "/p/IMG_1.a.jpg"),
        ("/p/IMG_1-edited.jpg", "/q/IMG_1.jpg"),
        ("/p/IMG_1-edited.jpg", "/p/img_1.jpg"),
        ("/p/IMG_1-edited.jpg", "/p/IMG_1(2).jpg"),
        ("/p/cafe-edited.jpg", f"/p/{NFC}.jpg"),
    ],
)
def test_what_is_of_no_such_original(name: str, other: str) -> None:
    assert original_among(name, [other]) is None
    assert not may_be_edited_of(name, other)


def test_of_several_it_is_the_one_with_its_suffix_or_none() -> None:
    heic, jpg, large, png = (f"/p/IMG_1.{suffix}" for suffix in ("HEIC", "jpg", "JPG", "png"))
    edited = "/p/IMG_1-edited.jpg"
    assert original_among(edited, [heic, jpg, large]) == jpg
    assert original_among(edited, [heic, large]) == large
    assert original_among(edited, [heic, png]) is None
    assert original_among("/p/IMG_1-edited.Jpg", [jpg, large, heic]) is None


parts = st.sampled_from(["a", "(1)", "-edited", "-modifié", ".", "é", "e\u0301", "-", "\udcff"])
stems = st.lists(parts, max_size=5).map(lambda some: "/p/b" + "".join(some))
suffixes = st.sampled_from([".jpg", ".JPG", ".heic"])


@given(stems, suffixes, st.sampled_from(["-edited", "-modifié", "-modifie\u0301"]), suffixes)
def test_each_finds_the_other(stem: str, suffix: str, addition: str, ending: str) -> None:
    original, edited = f"{stem}{suffix}", f"{stem}{addition}{ending}"
    if re.search("-(edited|modifi)", stem):  # then it is an edited form of another
        assert original_among(edited, [original]) in (original, None)
    else:
        assert original_among(edited, [original]) == original
        assert _is_between(original, originals_between(edited))
    assert not may_be_edited_of(edited, original) or _is_between(edited, edited_between(original))
