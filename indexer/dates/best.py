"""The one date of a photograph: of all that is said of it the best, as clocks showed it where it was taken.

    taken     the photograph says so itself
    sidecar   a file beside it does (Google Takeout's JSON), in UTC
    name      its name does
    file      its file was changed then

The same rows give the same date, on whatever day it is derived.

A sidecar comes before a name, which may be a screenshot's of a file's, with one exception: a name that tells the time
of the day, no more than a time zone away from the sidecar's, is that same moment on the clock of who took it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from indexer.dates.in_names import date_in_name
from indexer.dates.written import is_sane
from indexer.types import DateSource

#: Clocks on earth are at most so far from UTC; and a few seconds pass until a file has its name.
_FARTHEST: Final = timedelta(hours=14, minutes=1)
#: The year of these rules: clocks have come so far.
_YEAR: Final = 2026


@dataclass(frozen=True, slots=True)
class BestDate:
    """`moment`: local time, without a zone; `source`: where it is known from. `by_machine`: this machine's zone told
    what clocks showed; another one's may tell otherwise."""

    moment: datetime
    source: DateSource
    by_machine: bool = False


def best_date(
    name: str,
    mtime_ns: int,
    taken_at: str | None,
    said_at: str | None,
    zone: tzinfo | None = None,
    ctime_ns: int | None = None,
) -> BestDate | None:
    """The date of the photograph in a file of this name; None where even that of the file makes no sense.

    `mtime_ns`: when the file was changed, in nanoseconds since 1970. `taken_at`, `said_at`: ISO 8601, of `Metadata` and
    of `Said`. `zone`: where it was taken; where that is not known, this machine's. `ctime_ns`: when the file's
    status changed, by the clock of the machine on which it lies; what tells a later year than the next is no date.
    """
    if taken_at is not None:
        return BestDate(datetime.fromisoformat(taken_at).replace(tzinfo=None), "taken")
    stood = None if ctime_ns is None else _utc(ctime_ns)
    last_year = 1 + max(_YEAR, 0 if stood is None else stood.year)
    named = date_in_name(name, last_year)
    if said_at is not None:
        said = datetime.fromisoformat(said_at)
        if said.tzinfo is None:
            return BestDate(said, "sidecar")
        apart = None if named is None else abs(named.moment - said.astimezone(UTC).replace(tzinfo=None))
        if named is None or apart is None or not named.has_time or named.is_utc or apart > _FARTHEST:
            return BestDate(_local(said, zone), "sidecar", zone is None)
    if named is not None:
        moment = _local(named.moment.replace(tzinfo=UTC), zone) if named.is_utc else named.moment
        return BestDate(moment, "name", named.is_utc and zone is None)
    changed = _utc(mtime_ns)
    if changed is None or not is_sane(changed.replace(tzinfo=None), last_year):
        return None
    return BestDate(_local(changed, None), "file", by_machine=True)


def _utc(nanoseconds: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(nanoseconds // 10**9, UTC) if nanoseconds > 0 else None
    except (ValueError, OverflowError, OSError):  # a file may say any
        return None


def _local(moment: datetime, zone: tzinfo | None) -> datetime:
    """A moment with its offset as the clocks of `zone` show it; None: this machine's."""
    try:
        return moment.astimezone(zone).replace(tzinfo=None)
    except (ValueError, OverflowError, OSError):  # a time that the machine's library cannot count with
        return moment.astimezone(UTC).replace(tzinfo=None)
