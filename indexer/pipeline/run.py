"""A run of the indexer on one machine.

    plan --files to read--> look up, decode (threads) --in order--> encode, write (`ingest.py`) --> vector indexes

Decoded files keep the order of the scan: item ids, and with them every result, do not depend on timing or
interruptions. The middle is here (`here.py`), or an engine's (`engine.py`).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from itertools import tee

from indexer.catalog.orphans import is_repaired, is_swept, sweep
from indexer.catalog.roots import Roots
from indexer.encoders.base import Encoder
from indexer.files.mounts import mount_of
from indexer.in_hand import IN_HAND
from indexer.memory_budget import MemoryBudget
from indexer.pipeline.carry_over import carry_over
from indexer.pipeline.choose import choose, named_paths, saw_all
from indexer.pipeline.engine import Engine, Work, suits
from indexer.pipeline.forgotten import ForgottenPaths
from indexer.pipeline.here import Here
from indexer.pipeline.ingest import Ingest
from indexer.pipeline.late_images import read_captions_again, uncover_texts_of_gone
from indexer.pipeline.look_up import LookUp
from indexer.pipeline.lost_exclusions import tell_lost_exclusions
from indexer.pipeline.marks import Marks
from indexer.pipeline.moved import mark_moved_copies, settle_lost_roots
from indexer.pipeline.owed import Owed, begin, end, of_earlier_runs, with_others
from indexer.pipeline.pace import keep_pace
from indexer.pipeline.plan import Planner, RootPlan
from indexer.pipeline.read_ahead import settled
from indexer.pipeline.recognise import recognised
from indexer.pipeline.run_encoder import choose_tokens, register, switch
from indexer.pipeline.shared_work import SharedWork, ending
from indexer.pipeline.since import Since
from indexer.pipeline.suspects import Suspects
from indexer.pipeline.told import of_altered, of_idle_patterns
from indexer.pipeline.values import KnownImage, NewImage, Prepared
from indexer.pipeline.write import MAX_WARNINGS, Found
from indexer.progress import Progress, Silent
from indexer.settings import IndexSettings
from indexer.side_by_side import SideBySide
from indexer.store import Store
from indexer.thumbnails.making import ThumbnailMaker
from indexer.thumbnails.removal import remove_stale
from indexer.types import Candidate, Report
from indexer.vectors.base import IndexType
from indexer.vectors.refresh import build_indexes, note_wanted

#: Items that came or went in a run, after which its catalog is tidied.
MANY = 1_000
#: Files of one transaction where nothing needs the encoder.
FILES_A_BATCH = 500


def run(
    store: Store,
    encoder: Encoder,
    roots: Sequence[str] = (),
    settings: IndexSettings | None = None,
    *,
    progress: Progress | None = None,
    index_type: IndexType | None = None,
    recall: float | None = None,
    reencode: bool = False,
    verify: bool = False,
    engine: Engine | None = None,
    beside: SideBySide | None = None,
) -> Report:
    """Bring a store up to date with its folders.

    `roots`: folders or files; none means every root that the store knows. `index_type`: None chooses by size.
    `recall`: see `build_indexes`. `reencode`: let `encoder` take the place of the one that the store was made with;
    until the run is complete the store answers with the old one. `verify`: read every file and compare its content with
    what is recorded, whatever its size and times say; `Report.altered` names those of the same size and time of change
    that differ. `engine`: encodes photographs in the place of this process. `beside`: this run among others that
    write at the same time; None: it is alone. Needs the store's write lock (`side_by_side`, `store.writing()`).

    Raises PathNotFoundError for a root that is not there, UsageError when there is nothing to index,
    EncoderMismatchError for another encoder than the store's, StoreError, EncoderError.
    """
    return _Run(
        store, encoder, settings or IndexSettings(), progress or Silent(), reencode, verify, engine, beside
    ).run(roots, index_type, recall)


class _Run:
    def __init__(
        self,
        store: Store,
        encoder: Encoder,
        settings: IndexSettings,
        progress: Progress,
        reencode: bool,
        verify: bool,
        engine: Engine | None,
        beside: SideBySide | None,
    ) -> None:
        self._engine = engine
        self._beside = beside
        self._shared: SharedWork | None = None
        self._store = store
        self._catalog = store.catalog
        self._encoder = encoder
        self._settings = settings
        self._progress = progress
        self._reencode = reencode
        self._verify = verify
        self._report = Report()
        self._idle: set[str] = set()
        self._found = Found()
        self._thumbnails = ThumbnailMaker(store.folder, settings.limits) if settings.thumbnails else None

    def run(self, roots: Sequence[str], index_type: IndexType | None, recall: float | None) -> Report:
        started = time.monotonic()
        was_swept, was_repaired = is_swept(self._catalog), is_repaired(self._catalog)
        self._encoder_row = register(self._store, self._encoder, reencode=self._reencode)
        self._tokens = self._choose_tokens()
        if self._reencode:
            carry_over(self._catalog, self._encoder, self._encoder_row, self._progress, tokens=self._tokens)
        in_hand = IN_HAND if self._beside is None else self._beside.in_hand
        suspects = Suspects(self._catalog, self._store.folder, in_hand)
        self._here = Here(self._store, self._encoder, self._settings, suspects, self._thumbnails, in_hand)
        suspects.judge(self._here.why_not)
        named = named_paths(roots)
        self._forgotten = ForgottenPaths(self._catalog)
        owed = begin(self._catalog, forgotten=bool(self._forgotten))
        uncover_texts_of_gone(self._catalog)
        settle_lost_roots(self._catalog, named, self._progress, self._report, everything=self._reencode)
        chosen = choose(
            self._catalog,
            str(self._store.folder),
            named,
            self._settings,
            everything=self._reencode,
            warn=self._report.warnings.append,
        )
        planner = Planner(self._store, self._encoder_row, tokens=self._tokens, verify=self._verify)
        if self._beside is not None:
            self._shared = SharedWork(planner, self._beside.writers, self._progress)
        self._idle = set(self._settings.ignores)
        for each in chosen:
            self._progress.phase(f"Looking through {each.scope.top}")
            since = Since(self._catalog)
            self._index_root(planner, planner.plan(each), since)
        idle = [each for each in self._settings.ignores if each in self._idle]
        self._report.warnings += of_idle_patterns(chosen, idle)
        self._report.warnings += tell_lost_exclusions(self._catalog, self._found.places)
        self._report.warnings += of_altered(self._report.altered)
        with ending(self._beside, self._shared, self._progress, self._report) as alone:
            owed = with_others(self._catalog, owed)
            if alone:
                self._settle(owed)
            self._let_it_answer()
            note_wanted(self._catalog, index_type, recall)
            if alone:
                everything = not was_swept or (self._beside is not None and owed.is_older)
                sweep(self._catalog, everything=everything, spare=was_repaired and not saw_all(self._catalog, chosen))
                if self._report.encoded + self._report.texts + self._report.vanished >= MANY:
                    self._catalog.tidy()
                self._report.warnings += build_indexes(self._catalog, self._store.vectors, None, self._progress)
                self._bring_thumbnails_up_to_date()
            self._report.seconds = time.monotonic() - started
            keep_pace(self._catalog, self._report)
        return self._report

    def _settle(self, owed: Owed) -> None:
        """What is owed for all that came and went, once everything was looked at."""
        of_earlier_runs(self._catalog, owed, self._found)
        self._report.vanished += mark_moved_copies(self._catalog, self._found.reused)
        self._read_captions_again(owed.since)
        end(self._catalog)
        self._ingest().store_lacking_texts()

    def _bring_thumbnails_up_to_date(self) -> None:
        """Those of what is gone go, those of what came may be made."""
        remove_stale(self._store.folder, self._catalog)
        if self._thumbnails is not None:
            left = self._thumbnails.make_missing(
                self._catalog, MemoryBudget(self._here.room()), self._settings.workers, self._progress
            )
            self._report.warnings += [] if left is None else [left]

    def _let_it_answer(self) -> None:
        switched = switch(self._catalog, self._encoder_row)
        self._report.encoder = switched.answers
        self._report.replaced = switched.replaced
        if switched.kept_back is not None:
            self._report.warnings.append(switched.kept_back)

    def _choose_tokens(self) -> bool:
        asked = self._settings.tokens
        chosen = choose_tokens(self._catalog, self._encoder, self._encoder_row, asked)
        if asked and not chosen:
            self._report.warnings.append(
                f"The encoder {self._encoder.identity.name} has no tokens to give; nothing is kept for reranking."
            )
        return chosen

    def _ingest(self) -> Ingest:
        return Ingest(
            self._catalog,
            self._encoder,
            self._encoder_row,
            self._report,
            tokens=self._tokens,
            verify=self._verify,
            forgotten=self._forgotten,
            claimed_by=None if self._beside is None else self._beside.writers.number,
        )

    # -- one root -------------------------------------------------------------------------------------------

    def _index_root(self, planner: Planner, plan: RootPlan, since: Since) -> None:
        """`since`: when the plan was begun."""
        self._report.unchanged += plan.unchanged
        self._report.warnings += plan.notes
        marks = Marks(self._catalog, self._report, plan)
        marks.before_reading()
        if plan.to_read:
            self._progress.total(plan.to_read)
            self._progress.phase(f"Indexing {plan.folder}")
            self._read(plan, planner.candidates(plan), since)
        marks.after_reading()
        if plan.chosen.given:
            self._idle.intersection_update(plan.idle)
        if not plan.unreadable and plan.chosen.scope.is_whole:
            with self._catalog.batch() as batch:
                Roots(batch).finish(plan.folder, mount_of(plan.folder))

    def _read(self, plan: RootPlan, candidates: Iterable[Candidate], since: Since) -> None:
        """Read, encode and write files in the order of `candidates`; beside other runs those that are for this one."""
        with self._catalog.snapshot() as snapshot:
            roots = [row.path for row in Roots(snapshot).all()]
        with self._ingest() as ingest:
            if self._shared is None:
                self._encode(candidates, ingest, roots)
            else:
                self._encode(self._shared.mine(candidates, since), ingest, roots)
                ingest.flush()
                while left := self._shared.left(plan):
                    self._encode(left, ingest, roots)
                    ingest.flush()
        self._found.add(ingest.found)

    def _encode(self, candidates: Iterable[Candidate], ingest: Ingest, roots: Sequence[str]) -> None:
        """Here, or by the engine."""
        if self._engine is None:
            self._encode_here(self._here.prepared(candidates, self._look_up(), roots), ingest)
        else:
            self._encode_elsewhere(self._engine, candidates, ingest, roots)
        self._keep_at_work()

    def _keep_at_work(self) -> None:
        if self._shared is not None:
            self._shared.keep()

    def _encode_here(self, files: Iterable[Prepared], ingest: Ingest) -> None:
        batch: list[Prepared] = []
        images = 0
        for file in files:
            self._keep_at_work()
            batch.append(file)
            images += isinstance(file, NewImage | KnownImage) and file.pixels is not None
            if images == self._encoder.batch_size or len(batch) >= FILES_A_BATCH:
                ingest.add(batch)
                self._progress.advance(len(batch))
                batch, images = [], 0
        ingest.add(batch)
        if batch:
            self._progress.advance(len(batch))

    def _encode_elsewhere(
        self, engine: Engine, candidates: Iterable[Candidate], ingest: Ingest, roots: Sequence[str]
    ) -> None:
        """Photographs are read and encoded by the engine, all else here."""
        work = Work(self._encoder.identity, self._settings.limits, self._encoder.batch_size, tokens=self._tokens)
        look_up = self._look_up()
        every, theirs = tee((each, suits(each) and not self._here.is_suspect(each)) for each in candidates)
        encoded = engine.encoded((each for each, elsewhere in theirs if elsewhere), work)
        for candidate, elsewhere in every:
            self._keep_at_work()
            if elsewhere:
                one = recognised(self._catalog, self._encoder_row, next(encoded), tokens=self._tokens)
                ingest.keep([one])
            else:
                ingest.add([self._here.alone(candidate, look_up, roots)])
            self._progress.advance(1)

    def _look_up(self) -> LookUp:
        return LookUp(self._catalog, self._encoder_row, self._settings.limits, tokens=self._tokens)

    def _read_captions_again(self, since: int) -> None:
        look_up = self._look_up()

        def read(candidate: Candidate) -> object:
            return settled(candidate, lambda: look_up(candidate))

        own = Report()
        with Ingest(self._catalog, self._encoder, self._encoder_row, own, tokens=self._tokens) as ingest:
            told = read_captions_again(self._catalog, read, ingest, self._found, since=since)
        self._report.warnings += told[: max(MAX_WARNINGS - len(self._report.warnings), 0)]
        self._report.texts += own.texts
        self._report.tokens_added += own.tokens_added
