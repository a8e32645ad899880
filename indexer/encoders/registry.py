"""Encoders by name: what `--encoder` takes, and what `search models` shows."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path

from indexer.encoders.adapted_spec import ADAPTED_PREFIX, adapted_name, parse_adapted
from indexer.encoders.base import Encoder, EncoderId, Photographs
from indexer.encoders.device_names import check_device, unused
from indexer.encoders.graph_model import BUNDLED
from indexer.encoders.hub import NotOnThisMachineError, UnreachableError
from indexer.encoders.openclip_spec import FOLDER_PREFIX, FORMS, HUB_PREFIX, PREFIX, parse_spec
from indexer.encoders.presets import PRESETS, PREVIOUS, Preset, full_name, typed_name
from indexer.errors import EncoderMismatchError, EncoderUnavailableError, UsageError
from indexer.progress import Progress
from indexer.reach import shown_store


@dataclass(frozen=True, slots=True)
class EncoderInfo:
    """One line of `search models`. `name`: what `--encoder` takes; `encoder`: what a store keeps of it, the same but
    for presets. `megabytes`: on disk, 10^6 bytes. `recall`: text-to-image R@1 on COCO's 5,000 test photographs, 0 to 1,
    as published with the weights. None: unknown without loading it."""

    name: str
    encoder: str
    dimension: int | None = None
    megabytes: int | None = None
    languages: str = ""
    recall: float | None = None
    licence: str = ""
    note: str = ""


#: Beside the presets (`presets.py`): models whose licence keeps them from being one, or that want a large GPU. A table,
#: so that showing it needs no open_clip.
RECOMMENDED: tuple[EncoderInfo, ...] = (
    EncoderInfo(
        "open_clip:MobileCLIP2-S0/dfndr2b",
        "open_clip:MobileCLIP2-S0/dfndr2b",
        512,
        299,
        "English",
        0.437,
        "Apple's, for research",
        "the best for its size",
    ),
    EncoderInfo(
        "open_clip:ViT-H-14-378-quickgelu/dfn5b",
        "open_clip:ViT-H-14-378-quickgelu/dfn5b",
        1024,
        3947,
        "English",
        None,
        "Apple's, for research",
        "for a large GPU",
    ),
)


def open_encoder(
    store: Path,
    stored: EncoderId | None,
    asked: str | None = None,
    device: str | None = None,
    *,
    reencode: bool = False,
) -> Encoder:
    """The encoder to work with in the folder `store`, which was made with `stored`; None: it is new.

    `asked`: its name; None takes the store's own, or the bundled one for a new store. `device`: see `load_encoder`.
    What only the store names is never fetched: a store may come from a stranger. Raises what `load_encoder` raises, and
    EncoderMismatchError for another encoder than the store's, unless it is to take its place (`reencode`);
    EncoderUnavailableError for a store that was made with an encoder of a program.
    """
    name = full_name(asked) if asked is not None else BUNDLED if stored is None else stored.name
    own = stored is not None and name == stored.name
    if stored is not None and not reencode and _are_others(name, stored.name):  # before gigabytes are fetched
        raise _mismatch(store, f"with the encoder {typed_name(stored.name)}, not {typed_name(name)}", typed_name(name))
    try:
        encoder = load_encoder(name, device, stored=stored if own else None, download=asked is not None)
    except NotOnThisMachineError as error:
        raise EncoderUnavailableError(
            f"{shown_store(store)} was made with the encoder {name}, which is not on this machine, and nothing is "
            f"fetched because a store names it; `open(..., encoder={name!r}).query('...')` fetches it."
        ) from error
    except UnreachableError as error:
        if stored is not None:
            raise
        raise EncoderUnavailableError(
            f"{str(error).removesuffix('.')}; or use `encoder='bundled'`, which needs no network."
        ) from error
    except EncoderUnavailableError as error:
        if not own or name == BUNDLED or name.startswith((PREFIX, ADAPTED_PREFIX)):
            raise
        raise EncoderUnavailableError(
            f"{shown_store(store)} was made with the encoder {name!r} of a program; open it there, "
            "with search.open(..., encoder=...)."
        ) from error
    if not reencode:
        check_encoder(store, stored, encoder.identity)
    return encoder


def check_encoder(store: Path, stored: EncoderId | None, identity: EncoderId) -> None:
    """Raise EncoderMismatchError, with the command that mends it, when a store was made with another encoder."""
    if stored is None or identity.matches(stored):
        return
    if identity.name == stored.name:
        reason = f"with an earlier {stored.name} ({stored.weights[:12]}, now {identity.weights[:12]})"
    else:
        reason = f"with the encoder {stored.name}, not {identity.name}"
    raise _mismatch(store, reason, identity.name)


def _mismatch(store: Path, made: str, name: str) -> EncoderMismatchError:
    return EncoderMismatchError(
        f"{shown_store(store)} was made {made}; `open(..., encoder={name!r}).index(reencode=True)` encodes it anew."
    )


def _are_others(one: str, other: str) -> bool:
    """Whether two names are surely not those of one encoder; weights may have several names, but not the bundled ones,
    and not those that presets pin."""
    pinned = {BUNDLED, *(preset.encoder for preset in PRESETS)}
    return one != other and one in pinned and other in pinned


def load_encoder(
    name: str, device: str | None = None, *, stored: EncoderId | None = None, download: bool = True
) -> Encoder:
    """The encoder that `name` means: "bundled", a preset, an open_clip spec with or without `open_clip:` before it, or
    `adapted:FOLDER`, what a training made of one of these.

    `device` ("cuda", "cuda:1", "mps", "cpu"; default: SEARCH_DEVICE, else the best there is) is for open_clip models;
    the bundled one runs on the CPU. On CPUs one that was exported for this machine runs as graphs, without torch;
    `stored` is the identity that it must have then, that of an index. `download`: fetch what is not on this machine.

    Raises EncoderUnavailableError (NotOnThisMachineError without `download`), and UsageError for a device that is not
    here.
    """
    name = full_name(name.strip())
    if name == PREVIOUS:
        raise UsageError(
            "`encoder='previous'` is the one that a store had before its present one, and only "
            "`index(reencode=True)` takes it."
        )
    if name.startswith(ADAPTED_PREFIX):
        return _adapted(name, device, stored, download)
    if name == BUNDLED:
        from indexer.encoders.graph_encoder import GraphEncoder

        check_device(device)
        return GraphEncoder()
    if name.startswith((PREFIX, HUB_PREFIX, FOLDER_PREFIX)) or "/" in name or "@" in name:
        return _open_clip(name, device, stored, download)
    known = [BUNDLED, *(preset.purpose for preset in PRESETS), *(info.name for info in RECOMMENDED)]
    presets = ", ".join((BUNDLED, *(preset.purpose for preset in PRESETS)))
    by_lower = {each.removeprefix(PREFIX).lower(): each for each in known}
    close = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.5)
    hint = f" (did you mean {by_lower[close[0]]}?)" if close else ""
    raise EncoderUnavailableError(
        f"There is no encoder {name!r}{hint}; use {presets}, {ADAPTED_PREFIX}FOLDER for one that you have trained, or "
        f"an open_clip model as {FORMS} (see `list_encoders()`)."
    )


def _adapted(name: str, device: str | None, stored: EncoderId | None, download: bool) -> Encoder:
    from indexer.encoders import adapted_files, export_cache, mapped_encoder

    known = stored is not None and stored.name == name  # a store's own; another folder may hold anything
    if known and export_cache.runs_on_cpu(device):
        found = export_cache.find(name, stored)
        if found is not None:
            return found
    folder = parse_adapted(name)
    description = adapted_files.describe(folder)
    if description.base.name.startswith(ADAPTED_PREFIX):
        raise adapted_files.damaged(folder / adapted_files.DESCRIPTION, "it is adapted from an adapted encoder")
    if description.graphs:
        from indexer.encoders import adapted_graphs

        check_device(device)
        return adapted_graphs.load(folder, description)
    if description.method == mapped_encoder.METHOD:
        inner = load_encoder(description.base.name, device, stored=description.base, download=download)
        return mapped_encoder.MappedEncoder.load(folder, description, inner)
    if export_cache.runs_on_cpu(device):
        found = export_cache.find(adapted_name(folder), description.identity(folder))
        if found is not None:
            adapted_files.check_delta(folder, description)  # or it would answer until the cache is emptied, and no more
            return found
    from indexer.encoders.openclip_by_name import in_torch

    return in_torch(name, device=device, download=download)


def _open_clip(name: str, device: str | None, stored: EncoderId | None, download: bool) -> Encoder:
    from indexer.encoders import export_cache

    if export_cache.runs_on_cpu(device):
        found = export_cache.find(name if stored is not None else parse_spec(name).name, stored)
        if found is not None:
            return found
    from indexer.encoders.openclip import OpenClipEncoder

    return OpenClipEncoder(name, device=device, download=download)


def prepare_for_indexing(
    encoder: Encoder,
    device: str | None,
    progress: Progress,
    photographs: Photographs | None = None,
) -> tuple[Encoder, tuple[str, ...]]:
    """The fastest form of `encoder` on this machine, and what a person should know of it.

    An open_clip model that would run on the CPU in torch is exported, once; one that cannot be stays as it is.
    `photographs`: some of those that will be encoded, for an export to be calibrated with (`export_cache.make`).
    """
    from indexer.encoders import export_cache
    from indexer.encoders.exported_encoder import ExportedEncoder
    from indexer.encoders.mapped_encoder import MappedEncoder

    if isinstance(encoder, MappedEncoder):
        inner, notes = prepare_for_indexing(encoder.inner, device, progress, photographs)
        return encoder.over(inner), notes
    if isinstance(encoder, ExportedEncoder):
        if photographs is not None:
            encoder = export_cache.calibrated(encoder, progress, photographs)
        export_cache.heal_by_exporting(encoder, progress, photographs)
    if not isinstance(encoder, export_cache.Exportable) or not export_cache.runs_on_cpu(device):
        return encoder, device_notes(encoder, device)
    made = export_cache.make(encoder, progress, photographs)
    return (encoder, (made,)) if isinstance(made, str) else (made, ())


def device_notes(encoder: Encoder, device: str | None) -> tuple[str, ...]:
    """What a person should know who asked for `device`."""
    name = encoder.identity.name
    note = unused(device) if name == BUNDLED or (name.startswith(ADAPTED_PREFIX) and _is_graphs(encoder)) else None
    return () if note is None else (note,)


def _is_graphs(encoder: Encoder) -> bool:
    """Whether it is the encoder that ships, trained further; not one of open_clip that was exported."""
    from indexer.encoders.graph_encoder import GraphEncoder

    return type(encoder) is GraphEncoder


def list_encoders(*, all: bool = False) -> list[EncoderInfo]:
    """What can be asked for: bundled, the presets, the recommended ones and, with `all`, every model/tag of open_clip
    (imports it).

    Raises EncoderUnavailableError with `all` when open_clip is not installed.
    """
    encoders = [_bundled_info(), *map(_preset_info, PRESETS), *RECOMMENDED]
    if all:
        from indexer.encoders.openclip_package import list_published

        shown = {info.name for info in encoders}
        names = [f"{PREFIX}{model}/{tag}" for model, tag in list_published()]
        encoders += [EncoderInfo(name, name) for name in names if name not in shown]
    return encoders


def _preset_info(preset: Preset) -> EncoderInfo:
    return EncoderInfo(
        preset.purpose,
        preset.encoder,
        preset.dimension,
        preset.megabytes,
        preset.languages,
        preset.recall,
        preset.licence,
        preset.model,
    )


def _bundled_info() -> EncoderInfo:
    from indexer.settings import models_folder

    note = "ships with the product: works at once, offline, on any CPU"
    try:
        size = sum(path.stat().st_size for path in models_folder().rglob("*") if path.is_file())
    except (OSError, UsageError):
        return EncoderInfo(BUNDLED, BUNDLED, None, None, "English", note=f"{note} (its files are missing here)")
    return EncoderInfo(BUNDLED, BUNDLED, None, round(size / 1e6), "English", note=note)
