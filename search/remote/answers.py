"""JSON of a server becomes the value objects of the library.

What a server tells less of: `Results.work` is empty; metadata of hits and items have neither captions nor keywords, and
their position is that of the photograph; of many hits with explanations the last have no attention of single words.
Where it tells no paths, a path is that from the indexed folder on.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from indexer.catalog.items import Item
from indexer.catalog.roots import Root
from indexer.encoders.base import EncoderId, Preprocessing
from indexer.files.kinds import LeftOut
from indexer.places.place_names import PlaceNames
from indexer.training.work_folder import UnfinishedTraining
from indexer.types import Failure, Metadata
from indexer.vectors.base import IndexState, Tuned
from search.calls.collecting import Collection
from search.calls.details import ItemDetails
from search.calls.field_values import FieldValue
from search.calls.listing import Page
from search.calls.tallying import DateCount
from search.classification.probe_file import StoredProbe
from search.rerank.explain import Explanation, WordMatch
from search.results import Cut, Hit, Results
from search.status import Status, ThumbnailState, TokenState

Json = dict[str, Any]


def results_of(said: Json, label: str, notes: tuple[str, ...]) -> Results:
    """An answer. `label`: what the query is called; `notes`: what is said before the server's own."""
    cut = None
    if "min_probability" in said:
        cut = Cut(said["min_probability"], said["left_out"], said.get("best"), said["calibrated"])
    return Results(
        query=label,
        hits=tuple(map(hit_of, said["hits"])),
        notes=(*notes, *said["notes"]),
        seconds=said["seconds"],
        calibrated=said["calibrated"],
        cut=cut,
        reason=said.get("reason"),
        cursor=said.get("cursor"),
        matches=said.get("matches"),
        more_matches=said["more_matches"],
    )


def hit_of(said: Json) -> Hit:
    """One answer."""
    explained = said.get("explain")
    probability, guess = said.get("probability"), said.get("guess")
    return Hit(
        **_described(said),
        source=said.get("source", _path(said)),
        score=said.get("score"),
        similarity=said.get("similarity"),
        probability=probability,
        explanation=None if explained is None else _explanation(explained),
        also=tuple(map(_path, said["also"])),
        missing=said["missing"],
        same=said["same"],
        found_by=said.get("found_by"),
        guess=guess,
        worded="match" in said or probability is not None or guess is None,
    )


def item_of(said: Json) -> Item:
    """One item of a listing."""
    return Item(**_described(said), source=said.get("source", _path(said)))


def page_of(said: Json) -> Page:
    """Some items of a listing."""
    return Page(tuple(map(item_of, said["items"])), said.get("cursor"))


def details_of(said: Json) -> ItemDetails:
    """All that is known of one item."""
    copies = tuple(map(_path, said["also"]))
    return ItemDetails(item_of(said), tuple(said["captions"]), copies, tuple(said["copies"]))


def value_of(said: Json) -> FieldValue:
    """A value of a field."""
    return FieldValue(said["value"], said["count"], said["query"])


def bar_of(said: Json) -> DateCount:
    """Photographs of a year, month or day."""
    return DateCount(date.fromisoformat(said["start"]), said["count"], said["query"])


def collection_of(said: Json) -> Collection:
    """An indexed folder."""
    path = said["folder"] if "folder" in said else said["name"]
    images, texts = said["images"], said["texts"]
    photographs = {"photographs": images, **said}["photographs"]  # a server of before does not count them
    return Collection(said["id"], path, images, photographs, texts, said["present"], _utc(said.get("indexed_at")))


def status_of(said: Json, collections: list[Collection]) -> Status:
    """What the store holds. Of its folders neither patterns nor drives are told."""
    encoder, former, tokens = said.get("encoder"), said.get("former_encoder"), said.get("tokens")
    photographs = {"photographs": said["images"], **said}["photographs"]  # a server of before does not count them
    return Status(
        folder=said["path"] if "path" in said else said["folder"],
        encoder=None if encoder is None else _encoder(encoder),
        images=said["images"],
        photographs=photographs,
        texts=said["texts"],
        failed=said["failed"],
        vanished=said["vanished"],
        newly_ignored=said["newly_ignored"],
        other=said["other"],
        left_out=tuple(LeftOut(**each) for each in said["left_out"]),
        roots=tuple(Root(each.path, (), each.indexed_at) for each in collections),
        exclusions=tuple(said["exclusions"]),
        indexes={kind: None if state is None else _index(state) for kind, state in said["indexes"].items()},
        tokens=None if tokens is None else TokenState(**tokens),
        thumbnails=ThumbnailState(**said["thumbnails"]),
        bytes=said["bytes"],
        failures=tuple(Failure(_path(each), each["reason"]) for each in said["failures"]),
        former_encoder=None if former is None else _encoder(former),
        pace=said.get("pace"),
        probes=tuple(StoredProbe(each["name"], each.get("encoder"), each["fits"]) for each in said.get("probes", ())),
        trainings=tuple(UnfinishedTraining(each["trained"], each["bytes"]) for each in said.get("trainings", ())),
    )


def _described(said: Json) -> Json:
    place = said.get("place")
    taken = said.get("date")
    position = (said["latitude"], said["longitude"]) if "latitude" in said else None
    return {
        "id": said["id"],
        "kind": said["kind"],
        "path": _path(said),
        "text": said.get("text"),
        "metadata": None if "width" not in said else _metadata(said, position),
        "date": None if taken is None else datetime.fromisoformat(taken),
        "date_from": said.get("date_from"),
        "place": None if place is None else PlaceNames(*map(place.get, ("city", "near", "region", "country"))),
        "position": position,
    }


def _metadata(said: Json, position: tuple[float, float] | None) -> Metadata:
    latitude, longitude = position or (None, None)
    return Metadata(
        said["width"],
        said["height"],
        said["format"],
        said.get("taken_at"),
        said.get("camera"),
        latitude,
        longitude,
        lens=said.get("lens"),
    )


def _path(said: Json) -> str:
    whole = said.get("path")
    return whole if whole is not None else "/".join(part for part in (said["folder"], said["name"]) if part)


def _explanation(said: Json) -> Explanation:
    words = (
        WordMatch(
            each["word"],
            each["weight"],
            each["similarity"],
            tuple(each["box"]) if "box" in each else None,
            tuple(map(tuple, each.get("attention", ()))),
        )
        for each in said["words"]
    )
    grid = said["grid"]
    left, upper, right, lower = grid["area"]
    return Explanation(tuple(words), tuple(map(tuple, grid["values"])), (left, upper, right, lower))


def _encoder(said: Json) -> EncoderId:
    prepared = said["preprocessing"] | {name: tuple(said["preprocessing"][name]) for name in ("mean", "std")}
    return EncoderId(said["name"], said["weights"], said["dimension"], Preprocessing(**prepared))


def _index(said: Json) -> IndexState:
    tuned = said.get("tuned")
    return IndexState(
        index_type=said["index_type"],
        asked=said["asked"],
        count=said["count"],
        bytes=said["bytes"],
        behind=said["behind"],
        tuned=None if tuned is None else Tuned(**tuned),
        generation=said["generation"],
    )


def _utc(written: str | None) -> str | None:
    """As a catalog has it: "+00:00" for "Z"."""
    return None if written is None else datetime.fromisoformat(written).isoformat()
