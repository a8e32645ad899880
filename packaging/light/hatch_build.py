"""Builds the light form from the same sources as the full one: hooks of hatchling, which finds this file by name.

In a checkout, and in the full form's source distribution, the sources stand two folders up. The light form's own source
distribution carries what it needs of them in a folder `checkout`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

#: Where the parts of a checkout go in a wheel; the full form's pyproject.toml says the same of its own.
WHEEL = {
    "search": "search",
    "indexer": "indexer",
    "data/models": "indexer/data/models",
    "data/places": "indexer/data/places",
}
#: What a source distribution needs besides.
SOURCES = ("README.md", "LICENSE", "pyproject.toml")
CARRIED = "checkout"


def checkout(root: str) -> Path:
    """The folder with the sources, as seen from the folder of this project."""
    carried = Path(root) / CARRIED
    return carried if carried.is_dir() else Path(root).parents[1]


def light(requirements: Iterable[str], without: Iterable[str], everywhere: Iterable[str]) -> list[str]:
    """The light form's `requirements` from the full form's: some left out, some on every platform."""
    kept = []
    for requirement in requirements:
        name = re.match(r"[\w.-]+", requirement)[0]  # type: ignore[index]
        if name not in without:
            kept.append(requirement.partition(";")[0].strip() if name in everywhere else requirement)
    return kept


class Metadata(MetadataHookInterface):
    """What is said of the distribution."""

    def update(self, metadata: dict[str, Any]) -> None:
        source = checkout(self.root)
        with (source / "pyproject.toml").open("rb") as stream:
            full = tomllib.load(stream)
        for name in ("classifiers", "keywords", "license", "requires-python", "scripts"):
            metadata[name] = full["project"][name]
        metadata["dependencies"] = light(
            full["project"]["dependencies"], self.config["without"], self.config["everywhere"]
        )
        readme = (source / "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": readme}
        where = source / full["tool"]["hatch"]["version"]["path"]
        found = re.search(r'^__version__ = "(.+)"$', where.read_text(encoding="utf-8"), re.MULTILINE)
        assert found is not None, f"no version in {where}"
        metadata["version"] = found[1]


class Files(BuildHookInterface):
    """What is in it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        source = checkout(self.root)
        if self.target_name == "sdist":
            places = {name: f"{CARRIED}/{name}" for name in (*WHEEL, *SOURCES)}
        else:
            folder = f"{self.metadata.core.name.replace('-', '_')}-{self.metadata.version}.dist-info"
            places = {**WHEEL, "LICENSE": f"{folder}/licenses/LICENSE"}
        build_data["force_include"] |= {str(source / name): place for name, place in places.items()}
