"""Adapting a store's encoder to pairs of one's own, from a table of captions to a folder: `search train encoder`.

The pairs come from `pairs.py`, each method is tried by `attempt.py` (the loop is the indexer's), here one is chosen and
written. Half of the held-out images chooses: the pass, and with `auto` the method. The other half judges.
"""

from __future__ import annotations

import math
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from indexer.counted import counted
from indexer.encoders import adapted_files, adapted_graphs, registry
from indexer.encoders.adapted_files import AdaptedDescription
from indexer.encoders.adapted_spec import ADAPTED_PREFIX, FOLDER, parse_adapted
from indexer.encoders.base import Encoder, EncoderId
from indexer.encoders.mapped_encoder import METHOD as HEADS
from indexer.errors import EncoderError, EncoderMismatchError, EncoderUnavailableError, UsageError
from indexer.paths import absolute
from indexer.progress import Progress, Silent
from indexer.store import Store
from indexer.training.settings import AUTO, METHODS, AdaptationSettings
from indexer.training.trainables import methods_of, settings_of
from indexer.training.training_pairs import TRAIN, TrainingPairs
from indexer.training.work_folder import working
from search.training import unfinished
from search.training.attempt import Attempt, attempt
from search.training.gains import EncoderGains, clearly_beats
from search.training.pairs import read_pairs
from search.training.report import EncoderReport, Tried
from search.training.unused import check_used

#: With fewer images that judge a note says so.
FEW_JUDGES: Final = 50


def train_encoder(
    table: str,
    store: Store,
    encoder: Encoder,
    *,
    images: str | None = None,
    out: Path | None = None,
    method: str = AUTO,
    settings: AdaptationSettings | None = None,
    budget: float = math.inf,
    restart: bool = False,
    device: str | None = None,
    progress: Progress | None = None,
) -> EncoderReport:
    """Adapt `encoder` to a table of captions, and put what was trained into `out` (the store's own place).

    `budget`: seconds after which no further pass and no further method begins; what an unfinished run has of a method
    is judged all the same. It goes on from an unfinished run with the same pairs, encoder and settings, unless
    `restart`; what that has of methods that were not asked for stays. What is not shown to beat the base is written
    with `helps` false, and never over one that helps. Raises PathNotFoundError, UsageError (among others for too few
    pairs), EncoderError, StoreError.
    """
    progress, settings = progress or Silent(), settings or AdaptationSettings()
    notes: list[str] = []
    base = _base_of(encoder, device, notes)
    methods = _methods(method, base.identity, settings)
    check_used(methods, settings)
    if out is not None:
        out = Path(absolute(out))
        if adapted_files.is_foreign(out):
            raise UsageError(f"{out} holds something else than an adapted encoder; name an empty or a new folder with "
                             "`out`.")  # fmt: skip
    place = store.folder / FOLDER if out is None else out
    work = place.with_name(place.name + ".work")
    with working(work):
        pairs = read_pairs(table, images, progress)
        unfinished.begin(work, methods, base.identity, pairs, settings, restart=restart)
        found, failed = _all(methods, base, pairs, settings, work, device, progress, budget)
        chosen = _chosen(found)
        report = _finish(out, place, base.identity, settings, pairs, chosen, found, failed, notes)
        kept = unfinished.end(work, methods)
    return replace(report, notes=(*report.notes, *kept))


def _base_of(encoder: Encoder, device: str | None, notes: list[str]) -> Encoder:
    """What is trained: of an adapted encoder its base, as deltas do not add up."""
    name = encoder.identity.name
    if not name.startswith(ADAPTED_PREFIX):
        return encoder
    base = adapted_files.describe(parse_adapted(name)).base
    notes.append(f"The store's encoder is adapted; the training begins with its base, {base.name}.")
    found = registry.load_encoder(base.name, device, stored=base, download=False)
    if not found.identity.matches(base):
        raise EncoderMismatchError(
            f"The store's encoder was adapted from {base.name} ({base.weights[:12]}), and what has that name now is "
            "another model; put the former one back, or name another `encoder`."
        )
    return found


def _methods(method: str, base: EncoderId, settings: AdaptationSettings) -> tuple[str, ...]:
    """What is tried, from cheap to dear. Raises UsageError."""
    if method not in (AUTO, *METHODS):
        raise UsageError(f"`method` takes {AUTO}, {', '.join(METHODS)}, not {method!r}.")
    there = methods_of(base)
    if settings.adversarial is not None:  # there are no pixels in the training of vectors
        there = tuple(each for each in there if each != HEADS)
        if method == HEADS or not there:
            raise UsageError(
                f"`adversarial` changes pixels, and {HEADS} is trained on vectors; leave `adversarial` away, or name "
                "another `method` of the bundled encoder, or of an open_clip one."
            )
    if method == AUTO:
        return there
    if method not in there:
        raise UsageError(
            f"The encoder {base.name} can be trained by {', '.join(there)} and not by {method}; name another `method`, "
            "or index with an open_clip model (see `list_encoders()`)."
        )
    return (method,)


def _all(
    methods: tuple[str, ...],
    base: Encoder,
    pairs: TrainingPairs,
    settings: AdaptationSettings,
    work: Path,
    device: str | None,
    progress: Progress,
    budget: float,
) -> tuple[list[Attempt], list[Tried]]:
    """Each method in turn, while there is time, and those that an earlier run has begun. One alone raises its error; of
    several the next is tried."""
    began = time.monotonic()
    found: list[Attempt] = []
    failed: list[Tried] = []
    error: EncoderError | UsageError | None = None
    there = unfinished.methods_in(work)
    for at, method in enumerate(methods, 1):
        label = f"Method {at} of {len(methods)}: {method}" if len(methods) > 1 else f"Training {method}"
        left = budget - (time.monotonic() - began)
        if left <= 0 and (found or failed) and method not in there:  # to judge what is there takes no pass
            failed.append(Tried(method, None, problem="it was not begun: the time was up"))
            continue
        try:
            found.append(attempt(method, base, pairs, settings, work, device, progress, left, label))
        except (EncoderError, UsageError) as problem:
            if len(methods) == 1:
                raise
            error = problem
            failed.append(Tried(method, None, problem=str(problem)))
    if not found:
        assert error is not None, "the first method is always begun"
        raise error
    return found, failed


def _chosen(found: list[Attempt]) -> Attempt:
    """The cheapest that no other clearly beats, on the images that choose; among those that clearly beat the base,
    where any does."""
    better = [each for each in found if clearly_beats(each.choosing, each.base)] or found
    return next(one for one in better if not any(clearly_beats(other.choosing, one.choosing) for other in better))


def _finish(
    out: Path | None,
    place: Path,
    base: EncoderId,
    settings: AdaptationSettings,
    pairs: TrainingPairs,
    chosen: Attempt,
    found: list[Attempt],
    failed: list[Tried],
    notes: list[str],
) -> EncoderReport:
    """Write the folder, unless that would put what does not help in the place of what does."""
    gains = chosen.tried.gains
    assert gains is not None, "an attempt that came to an end has gains"
    order = METHODS.index
    tried = tuple(sorted((*(each.tried for each in found), *failed), key=lambda each: order(each.method)))
    train = pairs.of_use(TRAIN)
    texts = len({int(text) for image, text in zip(pairs.pair_images, pairs.pair_texts, strict=True)
                 if pairs.uses[image] == TRAIN})  # fmt: skip
    settings = settings_of(base, chosen.tried.method, settings)
    description = AdaptedDescription(
        base,
        chosen.tried.method,
        settings.of_method(chosen.tried.method),
        gains.helps,
        {
            "images": len(train),
            "texts": texts,
            "pairs": pairs.digest(),
            "seed": settings.seed,
            "settings": {name: getattr(settings, name) for name in settings.__slots__},
            "tried": [each.to_json() for each in tried],
        },
    )
    data: bytes | Path
    if isinstance(chosen.kept, Path):
        description, data = adapted_graphs.with_graphs(description, chosen.kept)
    else:
        description, data = adapted_files.with_delta(description, chosen.kept)
    folder = place if out is not None else place / description.identity(place).weights[:12]
    kept_earlier = not gains.helps and _is_good(folder, base)
    earlier = None if out is not None else _there(folder)
    if earlier is not None and earlier.trained.get("pairs") != description.trained["pairs"]:
        notes.append(f"A training on other pairs came to the same weights; its record in {folder} stays.")
        description = replace(description, trained=earlier.trained, helps=earlier.helps)
    if not kept_earlier:
        adapted_files.save(folder, description, data)
    return EncoderReport(
        str(folder),
        description.identity(folder).name,
        base.name,
        chosen.tried.method,
        gains.helps,
        tried,
        len(train),
        texts,
        kept_earlier,
        tuple(dict.fromkeys((*notes, *pairs.notes, *(note for each in found for note in each.notes), *_few(gains)))),
    )


def _few(gains: EncoderGains) -> tuple[str, ...]:
    """A note where what helps was judged by few images: one in twenty useless trainings seems to help by chance."""
    if not gains.helps or gains.images >= FEW_JUDGES:
        return ()
    return (f"Only {counted(gains.images, 'image')} judged, so it may be chance; more held-out pairs tell more.",)


def _there(folder: Path) -> AdaptedDescription | None:
    """What the adapted encoder in a folder says of itself, where there is one."""
    with suppress(EncoderUnavailableError):
        return adapted_files.describe(folder)
    return None


def _is_good(folder: Path, base: EncoderId) -> bool:
    """Whether an adapted encoder of the same base that helps is there."""
    there = _there(folder)
    return there is not None and there.helps and there.base.matches(base)
