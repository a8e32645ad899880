"""From a criterion to a condition of SQL on the row of `fact`; no function of Python runs a row. By which index the
rows are looked up, `routes.py` says: here no index is offered.

What a test is of and is not known stands as NULL. A test holds only where it is true; so its opposite, which is asked
of the tests themselves and not of what they are joined to, holds where it is false or not known.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, Select, and_, exists, false, func, not_, or_, select, true

from indexer.catalog import word_expressions, word_table
from indexer.catalog.criteria import (
    Below,
    BelowNamed,
    Both,
    Criterion,
    Dated,
    DatedBy,
    Either,
    Has,
    InCountry,
    InCycle,
    MadeWith,
    Measured,
    Named,
    NameMatches,
    No,
    OfId,
    OfIds,
    OfType,
    PathMatches,
    Says,
    Shaped,
    Tagged,
    Within,
)
from indexer.catalog.derivation import Position
from indexer.catalog.expressions import among, off_index, text_begins, text_holds, text_matches
from indexer.catalog.globs import PathPattern
from indexer.catalog.schema import device, fact, file, folder, item

Condition = ColumnElement[bool]
#: Row ids of the folders that a pattern holds altogether, and of those of which it holds files by their names.
FoldersOf = Callable[[PathMatches], tuple[list[int], list[int]]]

#: Mean radius of the earth in km (IUGG), and what rounding may add to a chord of the sphere of radius 1.
EARTH_KM: Final = 6371.0088
ROUNDING: Final = 1e-12
DAY: Final = 86_400
#: Added to seconds, whole weeks: so none is below 0, where division goes another way.
_WEEKS: Final = 719_166 * DAY

_COLUMNS: Final[dict[str, ColumnElement[Any]]] = {
    "size": fact.c.size,
    "width": fact.c.width,
    "height": fact.c.height,
    "pixels": fact.c.width * fact.c.height,
    "month": fact.c.month,
    "weekday": ((fact.c.date + _WEEKS) // DAY + 3) % 7 + 1,
    "minute": (fact.c.date + _WEEKS) // 60 % 1440,
}
#: A date that names no time of the day stands at midnight, to the second.
_HAS_TIME: Final = (fact.c.date + _WEEKS) % DAY != 0
_DATE: Final = off_index(fact.c.date)
_FOLDER: Final = off_index(fact.c.folder_id)


class Matcher:
    """Makes conditions. `item_id`: the column of the ids that are asked for; `folders_of`: looks folders up for
    patterns."""

    def __init__(self, item_id: Column[Any], folders_of: FoldersOf) -> None:
        self._item_id = item_id
        self._folders_of = folders_of

    def condition(self, criterion: Criterion, holds: bool = True) -> Condition:
        """That `criterion` holds, or that it does not."""
        match criterion:
            case No():
                return self.condition(criterion.criterion, not holds)
            case Both() | Either():
                every = isinstance(criterion, Both) == holds
                parts = [self.condition(each, holds) for each in criterion.criteria]
                return and_(true(), *parts) if every else or_(false(), *parts)
        test = self._test(criterion)
        return test if holds else not_(func.coalesce(test, false()))

    def _test(self, criterion: Criterion) -> Condition:
        match criterion:
            case Dated():
                return between(_DATE, criterion.start, None if criterion.end is None else criterion.end - 1)
            case DatedBy():
                return fact.c.date_from == criterion.source
            case InCycle():
                column = _COLUMNS[criterion.cycle]
                inside = (
                    column.between(criterion.first, criterion.last)
                    if criterion.first <= criterion.last
                    else or_(column >= criterion.first, column <= criterion.last)
                )
                return and_(_HAS_TIME, inside) if criterion.cycle == "minute" else inside
            case Within():
                return _within(criterion)
            case InCountry():
                return off_index(fact.c.country) == criterion.code
            case MadeWith():
                device_id = fact.c.camera_id if criterion.device == "camera" else fact.c.lens_id
                return off_index(device_id).in_(devices(criterion.part))
            case Named():
                return text_holds(fact.c.name, criterion.part)
            case NameMatches():
                return text_matches(fact.c.name, criterion.pattern)
            case Below():
                above, _, name = criterion.path.rpartition("/")
                its_own = and_(_FOLDER.in_(_folders(folder.c.folded == f"{above}/")), fact.c.name == name)
                return or_(_FOLDER.in_(folders_below(criterion.path)), its_own)
            case BelowNamed():
                return _FOLDER.in_(folders_named(criterion.name))
            case PathMatches():
                whole, of_files = self._folders_of(criterion)
                name = PathPattern(criterion.pattern).name
                by_name = and_(among(_FOLDER, of_files), text_matches(fact.c.name, name))
                return or_(among(_FOLDER, whole), by_name)
            case Says():
                if not criterion.phrases:
                    return false()
                asked = word_expressions.within(criterion.columns, word_expressions.all_of(criterion.phrases))
                return off_index(fact.c.item_id).in_(word_table.matching(asked))
            case Measured():
                return between(_COLUMNS[criterion.measure], criterion.low, criterion.high)
            case Shaped():
                compared = {
                    "landscape": fact.c.width > fact.c.height,
                    "portrait": fact.c.width < fact.c.height,
                    "square": fact.c.width == fact.c.height,
                }
                return compared[criterion.shape]
            case OfType():
                return fact.c.type == criterion.type
            case Has():
                return _HELD[criterion.what]
            case OfId():
                return off_index(self._item_id) == criterion.id
            case OfIds():
                return off_index(self._item_id).in_(criterion.ids)
            case Tagged():
                return false()
        raise TypeError(f"no criterion: {criterion!r}")


def _folders(which: Condition) -> Select[Any]:
    return select(folder.c.id).where(which)


def between(column: ColumnElement[Any], low: int | None, high: int | None) -> Condition:
    """Both included; of no bounds, that it is known."""
    bounds = [] if low is None else [column >= low]
    bounds += [] if high is None else [column <= high]
    return and_(*bounds) if bounds else column.is_not(None)


def devices(part: str) -> Select[tuple[int]]:
    """The ids of the devices whose names hold `part`."""
    return select(device.c.id).where(text_holds(device.c.folded, part))


def folders_named(name: str) -> Select[tuple[int]]:
    """The ids of the folders of this name, and of those below them."""
    return _folders(text_holds(folder.c.folded, f"/{name}/"))


def folders_below(path: str, its_own: bool = False) -> Select[tuple[int]]:
    """The ids of the folder at `path` and of those below it; `its_own`: and of the one in which it lies."""
    below = text_begins(folder.c.folded, f"{path}/")
    return _folders(or_(below, folder.c.folded == f"{path.rpartition('/')[0]}/") if its_own else below)


def latitudes(near: Within) -> Condition | None:
    """The band of latitudes, and the longitudes of it, in which all that is near lies; None: everywhere."""
    angle = near.km / EARTH_KM
    return None if angle >= math.pi else and_(*_box(near, angle, fact.c.latitude))


def _within(near: Within) -> Condition:
    """By the chord between two positions on a sphere of radius 1; a box of degrees around it is judged first."""
    angle = near.km / EARTH_KM  # at the middle of the earth, radians
    if angle >= math.pi:
        return fact.c.x.is_not(None)
    middle = Position.at(near.latitude, near.longitude)
    x, y, z = (column - value for column, value in zip(_SPHERE, middle.on_sphere, strict=True))
    most = (2 * math.sin(angle / 2)) ** 2
    near_enough = x * x + y * y + z * z <= most * (1 + ROUNDING) + ROUNDING**2
    inside = _inside(near, angle)
    if inside is not None:
        near_enough = or_(inside, near_enough)
    return and_(*_box(near, angle, off_index(fact.c.latitude)), near_enough)


def _inside(near: Within, angle: float) -> Condition | None:
    """Degrees between which everything is near, so that no place on the sphere has to be read; None where there is no
    such box. Its corners are farthest: the distance grows with the longitude, and has one least point in latitude."""
    reach = math.degrees(angle) / math.sqrt(2) * 0.999
    south, north = near.latitude - reach, near.latitude + reach
    if south < -80 or north > 80:
        return None
    across = reach / math.cos(math.radians(near.latitude))
    while across > 1e-3:
        west, east = near.longitude - across, near.longitude + across
        middle, corners = (
            Position.at(near.latitude, near.longitude),
            (Position.at(south, east), Position.at(north, east)),
        )
        if west < -180 or east > 180:
            return None
        if max(math.dist(middle.on_sphere, corner.on_sphere) for corner in corners) <= 2 * math.sin(angle / 2):
            return and_(off_index(fact.c.latitude).between(south, north), fact.c.longitude.between(west, east))
        across *= 0.9
    return None


def _box(near: Within, angle: float, latitude: ColumnElement[Any]) -> list[Condition]:
    """Degrees between which everything lies that is near; `angle`: how far, in radians at the middle of the earth."""
    reach = math.degrees(angle) + 1e-6
    south, north = near.latitude - reach, near.latitude + reach
    conditions: list[Condition] = [latitude.between(south, north)]
    if south > -90 and north < 90:  # else all longitudes are near
        ratio = min(math.sin(math.radians(reach)) / math.cos(math.radians(near.latitude)), 1.0)
        across = math.degrees(math.asin(ratio)) + 1e-6
        conditions.append(_longitudes(near.longitude - across, near.longitude + across))
    return conditions


def _longitudes(west: float, east: float) -> Condition:
    """Those between two, either of which may lie beyond the date line."""
    column = fact.c.longitude
    if west < -180:
        return or_(column >= west + 360, column <= east)
    if east > 180:
        return or_(column >= west, column <= east - 360)
    return column.between(west, east)


_SPHERE: Final[tuple[ColumnElement[Any], ...]] = (fact.c.x, fact.c.y, fact.c.z)
_own = file.alias("own")
_told = item.alias("told")
_teller = file.alias("teller")
#: What another file, which is there, says of the photograph.
_TOLD: Final = (
    exists()
    .where(
        _own.c.id == fact.c.file_id,
        _told.c.about == _own.c.path,
        _told.c.kind == "text",
        _told.c.file_id != fact.c.file_id,
        _teller.c.id == _told.c.file_id,
        _teller.c.state == "present",
    )
    .correlate(fact)
)
_HELD: Final[dict[str, Condition]] = {
    "gps": off_index(fact.c.latitude).is_not(None),
    "caption": or_(fact.c.captioned == 1, _TOLD),
    "keyword": fact.c.keyworded == 1,
    "date": fact.c.date_from != "file",
}
