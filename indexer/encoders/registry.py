"""Encoders by name: what `--encoder` takes, and what `search models` shows."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path

from indexer.encoders.adapted_spec import ADAPTED_PREFIX, adapted_name, parse_adapted
from indexer.encoders.base import Encoder, EncoderId
from indexer.encoders.device_names import check_device, unused
from indexer.encoders.graph_model import BUNDLED
from indexer.encoders.hub import NotOnThisMachineError
from indexer.encoders.openclip_spec import FOLDER_PREFIX, FORMS, HUB_PREFIX, PREFIX, parse_spec
from indexer.errors import EncoderMismatchError, EncoderUnavailableError, UsageError
from indexer.progress import Progress


@dataclass(frozen=True, slots=True)
class EncoderInfo:
    """One line of `search models`. `megabytes`: on disk, 10^6 bytes. None: unknown without loading it."""

    name: str
    dimension: int | None = None
    megabytes: int | None = None
    languages: str = ""
    note: str = ""


#: Few, so that a choice is possible; each is the smallest of its kind that is worth its size. Recall is text-to-image
#: R@1 on Flickr30k and COCO as published with the weights. A table, so that showing it needs no open_clip.
RECOMMENDED: tuple[EncoderInfo, ...] = (
    EncoderInfo(
        "open_clip:MobileCLIP2-S0/dfndr2b",
        512,
        299,
        "English",
        "the best for its size: recall 69.2 and 43.7, quick on CPUs; Apple's own licence",
    ),
    EncoderInfo(
        "open_clip:ViT-B-32-256/datacomp_s34b_b86k",
        512,
        605,
        "English",
        "a free licence (MIT): recall 64.9 and 39.9",
    ),
    EncoderInfo(
        "open_clip:ViT-L-14/datacomp_xl_s13b_b90k",
        768,
        1710,
        "English",
        "a free licence (MIT), larger: for machines with a GPU",
    ),
    EncoderInfo(
        "open_clip:ViT-B-16-SigLIP2-256/webli",
        768,
        1501,
        "about 100",
        "queries in many languages (Apache-2.0); needs `pip install transformers`",
    ),
    EncoderInfo(
        "open_clip:ViT-H-14-378-quickgelu/dfn5b",
        1024,
        3947,
        "English",
        "the most exact of these, for a large GPU; Apple's own licence",
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
    name = asked if asked is not None else BUNDLED if stored is None else stored.name
    own = stored is not None and name == stored.name
    try:
        encoder = load_encoder(name, device, stored=stored if own else None, download=asked is not None)
    except NotOnThisMachineError as error:
        raise EncoderUnavailableError(
            f"{store} was made with the encoder {name}, which is not on this machine, and nothing is fetched because a "
            f"store names it; `open(..., encoder={name!r}).query('...')` fetches it."
        ) from error
    except EncoderUnavailableError as error:
        if not own or name == BUNDLED or name.startswith((PREFIX, ADAPTED_PREFIX)):
            raise
        raise EncoderUnavailableError(
            f"{store} was made with the encoder {name!r} of a program; open it there, "
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
    raise EncoderMismatchError(
        f"{store} was made {reason}; `open(..., encoder={identity.name!r}).index(reencode=True)` encodes it anew."
    )


def load_encoder(
    name: str, device: str | None = None, *, stored: EncoderId | None = None, download: bool = True
) -> Encoder:
    """The encoder that `name` means: "bundled", an open_clip spec with or without `open_clip:` before it, or
    `adapted:FOLDER`, what a training made of one of these.

    `device` ("cuda", "cuda:1", "mps", "cpu"; default: SEARCH_DEVICE, else the best there is) is for open_clip models;
    the bundled one runs on the CPU. On CPUs one that was exported for this machine runs as graphs, without torch;
    `stored` is the identity that it must have then, that of an index. `download`: fetch what is not on this machine.

    Raises EncoderUnavailableError (NotOnThisMachineError without `download`), and UsageError for a device that is not
    here.
    """
    name = name.strip()
    if name.startswith(ADAPTED_PREFIX):
        return _adapted(name, device, stored, download)
    if name == BUNDLED:
        from indexer.encoders.graph_encoder import GraphEncoder

        check_device(device)
        return GraphEncoder()
    if name.startswith((PREFIX, HUB_PREFIX, FOLDER_PREFIX)) or "/" in name or "@" in name:
        return _open_clip(name, device, stored, download)
    known = [BUNDLED, *(info.name for info in RECOMMENDED)]
    by_lower = {each.removeprefix(PREFIX).lower(): each for each in known}
    close = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.5)
    hint = f" (did you mean {by_lower[close[0]]}?)" if close else ""
    raise EncoderUnavailableError(
        f"There is no encoder {name!r}{hint}; use {BUNDLED}, or an open_clip model as {FORMS} (see `list_encoders()`)."
    )


def _adapted(name: str, device: str | None, stored: EncoderId | None, download: bool) -> Encoder:
    from indexer.encoders import adapted_files, export_cache, mapped_encoder

    if stored is not None and export_cache.runs_on_cpu(device):
        found = export_cache.find(name, stored)
        if found is not None:
            return found
    folder = parse_adapted(name)
    description = adapted_files.describe(folder)
    if description.base.name.startswith(ADAPTED_PREFIX):
        raise adapted_files.damaged(folder / adapted_files.DESCRIPTION, "it is adapted from an adapted encoder")
    if description.method == mapped_encoder.METHOD:
        inner = load_encoder(description.base.name, device, stored=description.base, download=download)
        return mapped_encoder.MappedEncoder.load(folder, description, inner)
    if export_cache.runs_on_cpu(device):
        found = export_cache.find(adapted_name(folder), description.identity(folder))
        if found is not None:
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


def prepare_for_indexing(encoder: Encoder, device: str | None, progress: Progress) -> tuple[Encoder, tuple[str, ...]]:
    """The fastest form of `encoder` on this machine, and what a person should know of it.

    An open_clip model that would run on the CPU in torch is exported, once; one that cannot be stays as it is.
    """
    from indexer.encoders import export_cache
    from indexer.encoders.exported_encoder import ExportedEncoder
    from indexer.encoders.mapped_encoder import MappedEncoder

    if isinstance(encoder, MappedEncoder):
        inner, notes = prepare_for_indexing(encoder.inner, device, progress)
        return encoder.over(inner), notes
    if isinstance(encoder, ExportedEncoder):
        export_cache.heal_by_exporting(encoder, progress)
    if not isinstance(encoder, export_cache.Exportable) or not export_cache.runs_on_cpu(device):
        return encoder, device_notes(encoder, device)
    made = export_cache.make(encoder, progress)
    return (encoder, (made,)) if isinstance(made, str) else (made, ())


def device_notes(encoder: Encoder, device: str | None) -> tuple[str, ...]:
    """What a person should know who asked for `device`."""
    note = unused(device) if encoder.identity.name == BUNDLED else None
    return () if note is None else (note,)


def list_encoders(*, all: bool = False) -> list[EncoderInfo]:
    """What can be asked for: bundled, the recommended ones and, with `all`, every model/tag of open_clip (imports it).

    Raises EncoderUnavailableError with `all` when open_clip is not installed.
    """
    encoders = [_bundled_info(), *RECOMMENDED]
    if all:
        from indexer.encoders.openclip import list_published

        shown = {info.name for info in encoders}
        names = [f"{PREFIX}{model}/{tag}" for model, tag in list_published()]
        encoders += [EncoderInfo(name) for name in names if name not in shown]
    return encoders


def _bundled_info() -> EncoderInfo:
    from indexer.settings import models_folder

    note = "ships with the product: works at once, offline, on any CPU"
    try:
        size = sum(path.stat().st_size for path in models_folder().rglob("*") if path.is_file())
    except (OSError, UsageError):
        return EncoderInfo(BUNDLED, None, None, "English", f"{note} (its files are missing here)")
    return EncoderInfo(BUNDLED, None, round(size / 1e6), "English", note)
