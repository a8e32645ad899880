"""Files are looked up and decoded on this machine, in threads that read ahead of the encoder.

At most `workers + queued_batches x batch` decoded files wait for it, within the memory that `room.py` finds for them.
What is being read is noted beside the store: a file that ends the process is known by the next run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from indexer.encoders.base import Encoder
from indexer.in_hand import IN_HAND, InHand
from indexer.memory import Room
from indexer.memory_budget import ALONE, MemoryBudget, Share
from indexer.pipeline.decode import Decoder
from indexer.pipeline.look_up import LookUp
from indexer.pipeline.read_ahead import read_ahead, settled
from indexer.pipeline.room import room_for_files
from indexer.pipeline.suspects import Suspects
from indexer.pipeline.trial import why_not
from indexer.pipeline.values import Failed, ImageBytes, Prepared
from indexer.settings import IndexSettings
from indexer.store import Store
from indexer.thumbnails.making import ThumbnailMaker
from indexer.types import Candidate


class Here:
    """Reads for one encoder. `suspects`: what is not read; `thumbnails`: makes them of what is read, None: nobody;
    `in_hand`: the name of the file in which it is noted what is being read."""

    def __init__(
        self,
        store: Store,
        encoder: Encoder,
        settings: IndexSettings,
        suspects: Suspects,
        thumbnails: ThumbnailMaker | None,
        in_hand: str = IN_HAND,
    ) -> None:
        self._in_hand = in_hand
        self._store, self._encoder, self._settings = store, encoder, settings
        self._suspects, self._thumbnails = suspects, thumbnails
        self._decode = Decoder(encoder.identity.preprocessing, settings.limits)

    def room(self) -> Room:
        """The memory that there is for what is read ahead."""
        return room_for_files(self._encoder, self._ahead)

    def why_not(self, candidate: Candidate) -> str | None:
        """Why a file that ended an earlier run is not read, after it was tried in a process of its own; None: it is."""
        return why_not(candidate, self._encoder.identity.preprocessing, self._settings.limits, self.room().most)

    def is_suspect(self, candidate: Candidate) -> bool:
        """Whether it is not read."""
        return self._suspects.why_not(candidate) is not None

    def prepared(self, candidates: Iterable[Candidate], look_up: LookUp, roots: Sequence[str]) -> Iterator[Prepared]:
        """One for each of `candidates`, in their order. `roots`: the folders of the store, for thumbnails."""
        budget = MemoryBudget(self.room())
        in_hand = InHand(self._store.folder, self._settings.workers, self._in_hand)

        def read(candidate: Candidate) -> Prepared:
            reason = self._suspects.why_not(candidate)
            if reason is not None:
                return Failed(candidate, reason, passing=False)

            def work(share: Share) -> Prepared:
                with in_hand.hold(candidate):
                    return self._read(candidate, look_up, roots, share)

            return budget.work(work)

        try:
            yield from read_ahead(candidates, read, workers=self._settings.workers, ahead=self._ahead)
        finally:
            in_hand.close()

    def alone(self, candidate: Candidate, look_up: LookUp, roots: Sequence[str]) -> Prepared:
        """One file, read in this thread."""
        reason = self._suspects.why_not(candidate)
        if reason is not None:
            return Failed(candidate, reason, passing=False)
        return settled(candidate, lambda: self._read(candidate, look_up, roots, ALONE))

    def _read(self, candidate: Candidate, look_up: LookUp, roots: Sequence[str], share: Share) -> Prepared:
        found = look_up(candidate, share)
        if not isinstance(found, ImageBytes):
            return found
        decoded = self._decode(found, share)
        if self._thumbnails is not None and not isinstance(decoded, Failed):
            self._thumbnails.make(candidate.path, found.digest, found.data, roots, share)
        return decoded

    @property
    def _ahead(self) -> int:
        """Files that are read before the encoder asks for them."""
        return self._settings.workers + self._settings.queued_batches * self._encoder.batch_size
