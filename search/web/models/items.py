"""Photographs and texts, as answers and listings have them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

import search
from indexer.types import DateSource, Kind, Metadata
from search.calls.details import ItemDetails as KnownDetails
from search.web.models.base import Model
from search.web.shown import Shown, as_text


class Place(Model):
    """Where a photograph was taken, in words."""

    city: str | None = Field(None, description="The nearest, a quarter of a larger one too.")
    near: str | None = Field(None, description="The larger city of which `city` is a quarter.")
    region: str | None = None
    country: str | None = None


class Copy(Model):
    """Another path of the same photograph."""

    name: str
    folder: str
    path: str | None = Field(None, description="The whole path, with `paths=true` where the server tells it.")


class Described(Model):
    """What is known of a photograph, or of the photograph that a text is about; what is not known is left out."""

    id: int = Field(description="Never given twice; `like:#ID` asks with the photograph.")
    kind: Kind = Field(description="`image`, or `text` for a caption of an indexed photograph.")
    name: str = Field(description="The name of the file.")
    folder: str = Field(description="The name of the indexed folder and the path below it; no absolute path.")
    path: str | None = Field(None, description="The whole path, with `paths=true` where the server tells it.")
    text: str | None = Field(None, description="Of a text: what it says.")
    source: str | None = Field(
        None, description="Of a text: the file that it stands in, as `path`, or else as folder and name."
    )
    date: str | None = Field(
        None,
        description="When it was taken, as clocks showed it there: ISO 8601 without an offset.",
        examples=["2021-05-04T10:11:12"],
    )
    date_from: DateSource | None = Field(None, description="Where the date is known from.")
    place: Place | None = None
    latitude: float | None = Field(None, description="Degrees.")
    longitude: float | None = Field(None, description="Degrees.")
    width: int | None = Field(None, description="Pixels, as displayed.")
    height: int | None = Field(None, description="Pixels, as displayed.")
    format: str | None = None
    taken_at: str | None = Field(None, description="What the camera wrote (ISO 8601), with an offset where it has one.")
    camera: str | None = None
    lens: str | None = None


class Item(Described):
    """One item of a listing."""

    @classmethod
    def of(cls, item: search.Item, shown: Shown) -> Item:
        """As a library has it."""
        return cls(**described(item, shown))


class ItemDetails(Described):
    """All that is known of one item."""

    captions: list[str] = Field(description="Texts about the photograph: its own, and those of files beside it.")
    keywords: list[str] = Field(description="Of the photograph itself.")
    also: list[Copy] = Field(description="Other paths of the same photograph, 1,000 at most.")
    copies: list[int] = Field(description="The ids of the items there.")

    @classmethod
    def of(cls, details: KnownDetails, shown: Shown) -> ItemDetails:
        """As a library has it."""
        own = details.item.metadata
        captions = [*(() if own is None else own.captions), *details.captions]
        return cls(
            **described(details.item, shown),
            captions=[as_text(text) for text in dict.fromkeys(captions)],
            keywords=[as_text(text) for text in (() if own is None else own.keywords)],
            also=copies_of(details.also, shown),
            copies=list(details.copies),
        )


class ItemPage(Model):
    """Some items of a listing."""

    items: list[Item]
    cursor: str | None = Field(None, description="Where the next page begins; left out behind the last item.")


ItemOrder = Literal["date", "-date", "name", "-name", "size", "-size"]


def copies_of(paths: tuple[str, ...], shown: Shown) -> list[Copy]:
    """Where the copies of a photograph are."""
    return [
        Copy(folder=folder, name=name, path=shown.path(path))
        for path, (folder, name) in zip(paths, map(shown.place, paths), strict=True)
    ]


def described(found: search.Item | search.Hit, shown: Shown) -> dict[str, Any]:
    """The fields of `Described`."""
    folder, name = shown.place(found.path)
    about: Metadata | None = found.metadata
    position = found.position
    return {
        "id": found.id,
        "kind": found.kind,
        "name": name,
        "folder": folder,
        "path": shown.path(found.path),
        "text": None if found.text is None else as_text(found.text),
        "source": None if found.source in (None, "", found.path) else _whole_or_relative(found.source or "", shown),
        "date": None if found.date is None else found.date.isoformat(),
        "date_from": found.date_from,
        "place": None if found.place is None else Place(**found.place.to_json()),
        **({} if position is None else {"latitude": position[0], "longitude": position[1]}),
        **({} if about is None else _said(about)),
    }


def _whole_or_relative(path: str, shown: Shown) -> str:
    return shown.path(path) or shown.relative(path)


def _said(about: Metadata) -> dict[str, Any]:
    texts = {"taken_at": about.taken_at, "camera": about.camera, "lens": about.lens}
    said = {name: None if text is None else as_text(text) for name, text in texts.items()}
    return {"width": about.width, "height": about.height, "format": about.format, **said}
