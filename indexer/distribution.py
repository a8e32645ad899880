"""Which form of the product is installed, and what a person does to get a package that is missing.

Two distributions hold the same packages (docs/guide.md): the full one, and the light one without torch and open_clip.
Advice that fits the one brings gigabytes, or a second FAISS, into the other.
"""

from __future__ import annotations

from importlib import metadata
from typing import Final

FULL: Final = "image-collection-search"
LIGHT: Final = "image-collection-search-light"


def installed() -> str:
    """The name of the distribution that is installed; in a checkout that is none, the full one."""
    try:
        metadata.distribution(FULL)
    except metadata.PackageNotFoundError:
        try:
            metadata.distribution(LIGHT)
        except metadata.PackageNotFoundError:
            return FULL
        return LIGHT
    return FULL


def how_to_get(*packages: str) -> str:
    """The middle of a sentence: how to come by packages that belong to the full form or stand beside it."""
    if installed() == FULL:
        return f"`pip install {' '.join(packages)}`"
    return (
        "this is the light form, which is without torch and what runs on it: "
        f"`pip uninstall {LIGHT} faiss-cpu`, then install {FULL} (several GB)"
    )


def how_to_upgrade() -> str:
    """The command that brings a newer version of the form that is installed."""
    return f"`pip install -U {installed()}`"
