"""From a spec to a loaded open_clip model and the digest of its weights.

open_clip itself is handed in by `openclip.py`, which alone imports it. Every file is found first (`hub.py`), then
everything is built from local files, so that open_clip never goes to the network. Pickled code is never run: torch
reads checkpoints with `weights_only=True`.
"""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import json
import logging
import os
import re
import tempfile
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from indexer import forking
from indexer.distribution import how_to_get
from indexer.encoders import hub
from indexer.encoders.openclip_described import CONFIG, WEIGHTS, check_towers, checkpoint_in, read_config
from indexer.encoders.openclip_spec import OpenClipSpec
from indexer.encoders.openclip_unfetched import bring_file, bring_folder, called
from indexer.encoders.presets import known_sums
from indexer.errors import EncoderUnavailableError
from indexer.misread import misread

_TOKENIZER_NEEDED = (
    "tokenizer.json",
    "tokenizer.model",
    "spiece.model",
    "sentencepiece.bpe.model",
    "vocab.txt",
    "vocab.json",
)
_TOKENIZER_FILES = (*_TOKENIZER_NEEDED, "merges.txt", "tokenizer_config.json", "special_tokens_map.json", "config.json")

#: What a person can do without the hub about a part of a model that is not its weights.
_PART_STEP = (
    f"{hub.CONNECT}, or name a folder with the weights, their open_clip_config.json and "
    "{files}: `encoder='open_clip:local-dir:/path/to/folder'`"
)

#: open_clip's loading is guarded as a whole: while it runs, the root logger is shielded (`_quietly`).
_LOADING = forking.lock()


@dataclass(frozen=True, slots=True)
class Sources:
    """All that makes a model. `config`: open_clip's `model_cfg`; `preprocess`: overrides of its defaults.

    `checkpoint`: the file of the weights. `tokenizer`: the folder of a Hugging Face tokenizer, None for CLIP's own.
    """

    config: dict[str, Any]
    preprocess: dict[str, Any]
    checkpoint: str
    tokenizer: str | None = None


def find_sources(open_clip: Any, spec: OpenClipSpec, *, download: bool = True) -> Sources:
    """Find the files of `spec`, and with `download` fetch those that are not on this machine. Raises
    EncoderUnavailableError, of the kind `hub.NotOnThisMachineError` for what would have to be fetched."""
    if spec.kind == "hub":
        sums = known_sums(spec.source, spec.revision)
        fetched = partial(
            hub.fetch,
            spec.source,
            next_step=bring_folder(spec, CONFIG, WEIGHTS),
            revision=spec.revision,
            sums=sums,
            download=download,
            called=called(spec),
        )
        config, preprocess = read_config(fetched([CONFIG]))
        sources = Sources(config, preprocess, fetched(WEIGHTS[:3]))
    elif spec.kind == "folder":
        config, preprocess = read_config(os.path.join(spec.source, CONFIG))
        sources = Sources(config, preprocess, checkpoint_in(spec.source), tokenizer=spec.source)
    else:
        config = _architecture(open_clip, spec.model)
        published = open_clip.list_pretrained_tags_by_model(spec.model)
        if spec.kind == "file":
            sources = Sources(config, _shared_preprocessing(open_clip, spec.model, published), spec.source)
        else:
            tag = open_clip.get_pretrained_cfg(spec.model, spec.source)
            if not tag.get("hf_hub"):
                raise EncoderUnavailableError(
                    f"{spec.model} has no published weights {spec.source!r}; it has "
                    f"{', '.join(published) or 'none: write MODEL@CHECKPOINT'}."
                )
            # The tag knows what its weights were trained with; open_clip only warns, and computes something else.
            config["quick_gelu"] = bool(config.get("quick_gelu") or tag.get("quick_gelu"))
            repo, _, name = tag["hf_hub"].rpartition("/")
            names = [str(Path(name).with_suffix(".safetensors")), name] if name else WEIGHTS[:3]
            fetched_weights = hub.fetch(
                repo, names, bring_file(spec, repo, names[0]), download=download, called=called(spec)
            )
            sources = Sources(config, _preprocessing(tag), fetched_weights)
    check_towers(sources.config, sources.checkpoint)
    return _with_local_text_parts(sources, spec, download)


def build_model(open_clip: Any, sources: Sources) -> torch.nn.Module:
    """The model on the CPU, fp32, eval mode, without gradients. Raises EncoderUnavailableError."""
    with _described(sources) as folder, _LOADING, _quietly():
        try:
            model = open_clip.create_model(f"local-dir:{folder}", load_weights=False, pretrained_text=False)
        except ImportError as error:
            raise missing_package(error) from error
        except Exception as error:  # a configuration from elsewhere: anything can be wrong with it
            raise EncoderUnavailableError(
                f"open_clip cannot build the model that its configuration describes ({_unbuilt(error)}); update the "
                "package open_clip_torch, or name another `encoder`."
            ) from error
        _load_weights(open_clip, model, sources.checkpoint)
    built: torch.nn.Module = model.eval().requires_grad_(False)
    return built


@contextlib.contextmanager
def _described(sources: Sources) -> Iterator[str]:
    """A folder for as long as it takes, with the configuration where open_clip looks for it."""
    described = {"model_cfg": sources.config, "preprocess_cfg": sources.preprocess}
    with contextlib.ExitStack() as stack:
        try:
            kept = tempfile.TemporaryDirectory(prefix="open_clip-", ignore_cleanup_errors=True)
            folder = stack.enter_context(kept)
            Path(folder, CONFIG).write_text(json.dumps(described), encoding="utf-8")
        except OSError as error:
            raise EncoderUnavailableError(
                f"open_clip reads a model's configuration from a file, and no temporary one can be written "
                f"({error.strerror}); make room for it, or name another folder by TMPDIR."
            ) from error
        yield folder


def weights_digest(model: torch.nn.Module, config: Mapping[str, Any]) -> str:
    """SHA-256 over the weights: name, shape and float32 bytes of each tensor, in the order of the names.

    Independent of the file's format, the device and the precision; 0.5 s for ViT-B-32. Whole numbers in the state are
    counters and positions, which differ between versions of the libraries, and are left out. QuickGELU has no weights
    but computes something else, so it counts.
    """
    digest = hashlib.sha256()
    if config.get("quick_gelu"):
        digest.update(b"quick_gelu\n")
    for name, tensor in sorted(model.state_dict().items()):
        if tensor.is_floating_point():
            values = tensor.detach().to("cpu", torch.float32).contiguous().numpy().astype("<f4", copy=False)
            digest.update(f"{name} float32 {list(values.shape)}\n".encode())
            digest.update(np.ascontiguousarray(values).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _architecture(open_clip: Any, model: str) -> dict[str, Any]:
    config: dict[str, Any] | None = open_clip.get_model_config(model)
    if config is None:
        by_lower = {name.lower(): name for name in open_clip.list_models()}
        close = [by_lower[name] for name in difflib.get_close_matches(model.lower(), by_lower, n=3)]
        hint = f"did you mean {' or '.join(close)}?" if close else "`list_encoders(all=True)` lists all."
        raise EncoderUnavailableError(f"open_clip knows no architecture {model!r}; {hint}")
    return config


def _preprocessing(tag: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tag[key] for key in ("mean", "std", "interpolation", "resize_mode") if key in tag}


def _shared_preprocessing(open_clip: Any, model: str, tags: list[str]) -> dict[str, Any]:
    """What all published weights of an architecture were trained with; {} (open_clip's defaults) where they differ.

    A bare checkpoint does not say. SigLIP's and MobileCLIP's would get the wrong pixels from the defaults.
    """
    known = [_preprocessing(open_clip.get_pretrained_cfg(model, tag)) for tag in tags]
    return known[0] if known and all(each == known[0] for each in known) else {}


def _with_local_text_parts(sources: Sources, spec: OpenClipSpec, download: bool) -> Sources:
    """Put folders on this machine in the place of Hugging Face names of a tokenizer and a text model. What lies in the
    repository of the weights is of the same revision as they. An error says which of them it is that is missing."""
    text = dict(sources.config["text_cfg"])
    tokenizer = sources.tokenizer
    if text.get("hf_tokenizer_name") and tokenizer is None:
        name = text["hf_tokenizer_name"]
        revision = spec.revision if name == spec.source else None
        sums = known_sums(name, revision)
        step = _PART_STEP.format(files="that tokenizer's files (tokenizer.json, tokenizer_config.json)")
        with _missing_part(f"The model's tokenizer {name}"):
            tokenizer = hub.fetch_folder(
                name, _TOKENIZER_NEEDED, _TOKENIZER_FILES, step, revision=revision, sums=sums, download=download
            )
    model = text.get("hf_model_name")
    if model and not os.path.isdir(model):
        step = _PART_STEP.format(files="its text_cfg.hf_model_name naming a folder with that config.json")
        with _missing_part(f"The configuration of the model's text tower {model}"):
            text["hf_model_name"] = os.path.dirname(hub.fetch(model, ["config.json"], step, download=download))
    if model:
        check_runs_no_code(text["hf_model_name"], "config.json")
    return replace(sources, config={**sources.config, "text_cfg": text}, tokenizer=tokenizer)


@contextlib.contextmanager
def _missing_part(part: str) -> Iterator[None]:
    """Let an error of the hub begin with what it is that the hub was asked for: `part`, which ends in its name."""
    try:
        yield
    except EncoderUnavailableError as error:
        name, message = part.rpartition(" ")[2], str(error)
        said = f"{part}{message.removeprefix(name)}" if message.startswith(name) else f"{part}: {message}"
        raise type(error)(said) from error


def check_runs_no_code(folder: str, name: str) -> None:
    """Raise EncoderUnavailableError where the file `name` in `folder` asks transformers to run code that lies there, or
    in a repository (`auto_map`). transformers would ask a person on the terminal; here the answer is always no."""
    try:
        asks = "auto_map" in json.loads(Path(folder, name).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, TypeError):  # left to transformers, which says what is wrong
        return
    if asks:
        raise EncoderUnavailableError(
            f"{os.path.join(folder, name)} asks to run code that came with the model, which is never done; use another "
            "model, or one whose files name no `auto_map`."
        )


def _load_weights(open_clip: Any, model: Any, path: str) -> None:
    """Read `path` into `model`. Raises EncoderUnavailableError: not a checkpoint, or one of another architecture."""
    try:
        open_clip.load_checkpoint(model, path, strict=True, weights_only=True, device="cpu")
    except MemoryError as error:
        raise EncoderUnavailableError(
            f"There is not enough memory to load {path}; close other programs, or name a smaller `encoder`."
        ) from error
    except Exception as error:  # pickle, zipfile, safetensors and torch each raise their own
        frames = traceback.extract_tb(error.__traceback__)
        reading = any(frame.name == "load_state_dict" and "open_clip" in frame.filename for frame in frames)
        if not reading:
            step = "name the architecture that they are of (`list_encoders(all=True)` lists them)"
            if os.path.isfile(os.path.join(os.path.dirname(path), CONFIG)):
                step = f"put the {CONFIG} there that belongs to them"
            raise EncoderUnavailableError(f"{path} holds the weights of another architecture; {step}.") from error
        raise EncoderUnavailableError(
            f"{path} is no checkpoint of plain tensors (damaged, or it holds code, which is never run); "
            "a .safetensors file is best."
        ) from error


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Keep open_clip from printing: it logs to the root logger, which then installs a handler that writes to stderr,
    and "model initialized randomly" would be untrue here, where the weights are loaded in a second step."""
    root = logging.getLogger()
    shield = logging.NullHandler()

    def from_elsewhere(record: logging.LogRecord) -> bool:
        return f"{os.sep}open_clip{os.sep}" not in record.pathname

    root.addHandler(shield)
    root.addFilter(from_elsewhere)
    try:
        yield
    finally:
        root.removeFilter(from_elsewhere)
        root.removeHandler(shield)


def missing_package(error: ImportError) -> EncoderUnavailableError:
    """What to say when a part of open_clip wants a package that is not installed."""
    package = (error.name or "transformers").partition(".")[0]
    return EncoderUnavailableError(f"This model needs the package {package}; {how_to_get(package)}.")


def _unbuilt(error: Exception) -> str:
    """Why a model cannot be built, as far as it can be told from the words of open_clip, timm and torch."""
    unknown = re.search(r"unexpected keyword argument '(\w+)'", str(error))
    if unknown is not None:
        return f"it has {unknown[1]}, which this version does not know"
    return first_line(error)


def first_line(error: BaseException) -> str:
    """The reason in an error of another library, for the middle of a sentence."""
    if isinstance(error, KeyError):  # whose words are the key alone
        return misread(error)
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else "it does not say why"
