"""Which form is installed decides the advice."""

from __future__ import annotations

from importlib import metadata

import pytest

from indexer import distribution


def pretend(monkeypatch: pytest.MonkeyPatch, *there: str) -> None:
    def found(name: str) -> str:
        if name not in there:
            raise metadata.PackageNotFoundError(name)
        return name

    monkeypatch.setattr(metadata, "distribution", found)


@pytest.mark.parametrize(
    ("there", "form"),
    [
        ((), distribution.FULL),  # a checkout
        ((distribution.FULL,), distribution.FULL),
        ((distribution.LIGHT,), distribution.LIGHT),
        ((distribution.FULL, distribution.LIGHT), distribution.FULL),  # torch is there
    ],
)
def test_the_form_that_is_installed(monkeypatch: pytest.MonkeyPatch, there: tuple[str, ...], form: str) -> None:
    pretend(monkeypatch, *there)
    assert distribution.installed() == form
    assert distribution.how_to_upgrade() == f"`pip install -U {form}`"
    assert (distribution.how_to_get("torch") == "`pip install torch`") == (form == distribution.FULL)


def test_the_light_form_says_how_to_change(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, distribution.LIGHT)
    said = distribution.how_to_get("transformers")
    assert "`pip uninstall image-collection-search-light faiss-cpu`" in said
    assert "several GB" in said
