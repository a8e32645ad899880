"""Which photograph an edited one is of, and back."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.edited_names import edited_of, original_of


@pytest.mark.parametrize(
    ("name", "original"),
    [
        ("/p/IMG_1-edited.jpg", "/p/IMG_1.jpg"),
        ("/p/IMG_1-edited(2).jpg", "/p/IMG_1(2).jpg"),
        ("/p/IMG_1-bearbeitet.HEIC", "/p/IMG_1.HEIC"),
        ("/p/IMG_1-modifié.jpg", "/p/IMG_1.jpg"),
        (unicodedata.normalize("NFD", "/p/IMG_1-modifié.jpg"), "/p/IMG_1.jpg"),
        ("/p/IMG_1-ha editado.jpg", "/p/IMG_1.jpg"),
        ("/p/IMG_1.jpg", None),
        ("/p/-edited.jpg", None),
        ("/p/IMG_1-edited-2.jpg", None),
        ("/p-edited/IMG_1.jpg", None),
    ],
)
def test_the_original_of_an_edited_photograph(name: str, original: str | None) -> None:
    assert original_of(name) == original
    assert original is None or name in edited_of(original)


@given(st.text("ab(1)-edited.", min_size=1, max_size=20).filter(lambda name: "/" not in name))
def test_each_edited_form_has_that_original(name: str) -> None:
    for path in edited_of(f"/p/{name}"):
        assert original_of(path) in (f"/p/{name}", None) or "-edited" in name
