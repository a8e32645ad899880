"""What has to be true after a kill, and once the operation has been run again to its end."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

from indexer import doctor
from indexer.errors import SearchError, StoreError
from tests.crash import observed
from tests.crash.attempts import SYSTEM_CALLS, Nursery, undisturbed
from tests.crash.observed import Committed
from tests.crash.operations import Operation
from tests.crash.seen import Seen
from tests.crash.worlds import BATCH, World
from tests.fixtures.colour_encoder import ColourTokenEncoder


class Judge:
    """Of one operation in its world: knows how it begins, and how it ends undisturbed."""

    def __init__(self, nursery: Nursery, operation: Operation, world: World) -> None:
        self.nursery, self.operation, self.world = nursery, operation, world
        world.begin()
        self.first = self.so_far()
        ended = undisturbed(nursery, operation, world)
        assert ended.code == 0, ended.said
        self.seconds = ended.seconds
        self.last = self._seen()

    @cached_property
    def system_calls(self) -> list[tuple[str, int]]:
        """Those that it makes when nothing disturbs it, in order: name, and which of that name."""
        self.world.begin()
        attempt = self.nursery.begin(self.operation, self.world)
        attempt.trace("-e", f"trace={SYSTEM_CALLS}")
        attempt.go()
        ended = attempt.end()
        assert ended.code == 0, ended.said
        names = attempt.traced()
        return [(name, names[: place + 1].count(name)) for place, name in enumerate(names)]

    def so_far(self) -> Committed:
        """What a reader sees at this moment, beside a writer; nothing where nothing was committed yet."""
        if self.operation.on in ("damaged store", "model") or not observed.is_there(self.world.store):
            return {}
        try:
            return observed.committed(self.world.store)
        except StoreError:
            if self.operation.on != "no store":
                raise
            return {}

    def after_a_kill(self, seen: Committed) -> list[str]:
        """What is wrong now, a sentence each. `seen`: by a reader before the kill."""
        store, on = self.world.store, self.operation.on
        if on == "model":
            return []
        if on == "no store" and not seen and not observed.is_there(store):
            return []
        try:
            findings = doctor.check(store)
            if on == "damaged store":
                return []
            now = observed.committed(store)
            encoder = ColourTokenEncoder(observed.active_weights(store), batch_size=BATCH)
            answers = observed.answers(store, encoder) if now else []
        except SearchError as error:
            return [f"not readable: {error!r}"]
        return [
            *(f"doctor says: {each}" for each in findings if each.grave and not _is_explained(each)),
            *(f"found and not there: {hit}" for hits in answers for hit in hits if hit["id"] not in now),
            *self._lost(self.first, now, "what was there before"),
            *self._lost(seen, now, "what a reader saw"),
            *(f"half-done: {each}" for each in now.items() - (self.first.items() | self.last.items.items())),
        ]

    def after_the_end(self, *, undeleted: bool = False) -> list[str]:
        """Run it again to its end; in what it then differs from what nothing disturbed. `undeleted`: something could
        not be deleted, and may still be there."""
        ended = undisturbed(self.nursery, self.operation, self.world)
        if ended.code or ended.signal:
            return [f"does not run again: {ended.said}"]
        try:
            seen = self._seen()
            return (replace(seen, listing=self.last.listing) if undeleted else seen).unlike(self.last)
        except (SearchError, AssertionError) as error:
            return [f"not readable in the end: {error!r}"]

    def _seen(self) -> Seen:
        """What is there in the end."""
        world, operation = self.world, self.operation
        if operation.on == "model":
            return Seen(observed.listing(world.cache), {}, [], {}, [], observed.exported(world))
        operation.complete(world)
        return Seen(
            observed.listing(world.store, world.cache),  # before a reader comes
            observed.committed(world.store),
            observed.answers(world.store, ColourTokenEncoder(operation.weights, batch_size=BATCH)),
            observed.rows(world.store),
            doctor.check(world.store),
        )

    def _lost(self, before: Committed, now: Committed, what: str) -> list[str]:
        """What stays in the end was never gone."""
        stays = before.items() & self.last.items.items()
        lost = sorted(number for number, each in stays if now.get(number) != each)
        return [f"{what} is lost: {lost}"] if lost else []


def _is_explained(finding: doctor.Finding) -> bool:
    """The indexes come last, and are a cache of what is there."""
    return finding.part == "index" and "is missing" in finding.problem
