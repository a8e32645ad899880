"""A BLIP image-text matching model from a folder or the hub. The only import of transformers in the product is here.

Files are found first, the hub's by `indexer.encoders.hub`, so that transformers itself never goes to the network.
Nothing in them is run: weights are safetensors, or checkpoints that torch reads with `weights_only=True`, and the
classes are named here, whatever the configuration asks for.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from indexer.distribution import how_to_get
from indexer.encoders import hub
from indexer.encoders.base import Interpolation, Preprocessing
from indexer.errors import EncoderUnavailableError
from indexer.misread import misread
from indexer.paths import absolute

_CONFIG = "config.json"
_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
_WORDS = ("tokenizer.json", "vocab.txt")
_OPTIONAL = (["tokenizer_config.json"], ["preprocessor_config.json", "processor_config.json"])
_NEXT_STEP = "name a folder with the model on this machine: `reranker='blip:/path/to/folder'`, or use `rerank=0`"
_EXAMPLE = "Salesforce/blip-itm-base-coco"

#: What BLIP was trained with, for folders that do not say.
_MEAN = (0.48145466, 0.4578275, 0.40821073)
_STD = (0.26862954, 0.26130258, 0.27577711)
#: Pillow's numbers of its filters, as image processors write them.
_FILTERS: dict[int, Interpolation] = {2: "bilinear", 3: "bicubic"}


@dataclass(frozen=True, slots=True)
class BlipParts:
    """What makes a reranker. `max_words`: positions of the text encoder; longer texts are cut."""

    model: Any
    tokenizer: Any
    preprocessing: Preprocessing
    max_words: int


def full_spec(spec: str) -> str:
    """The one spelling of a folder (its absolute path) or of a repository. Raises EncoderUnavailableError."""
    spec = spec.strip()
    path = absolute(spec)
    if spec and os.path.isdir(path):
        return path
    organisation, _, repository = spec.partition("/")
    if organisation and repository and "/" not in repository and spec[0] not in "./~":
        return spec
    if not spec:
        raise EncoderUnavailableError("blip: names no model; write blip:FOLDER or blip:ORGANISATION/REPOSITORY.")
    raise EncoderUnavailableError(f"There is no folder {path}, which 'blip:{spec}' names; {_NEXT_STEP}.")


def load_blip(spec: str) -> BlipParts:
    """The parts of the model that `spec` (as of `full_spec`) names: fp32, on the CPU, eval mode, without gradients.

    Raises EncoderUnavailableError: transformers is missing, the hub cannot be reached, or the files are no BLIP with
    a head for image-text matching.
    """
    transformers = _import_transformers()
    folder = spec if os.path.isabs(spec) else _fetched(spec)
    described = _described(folder)
    if not any(os.path.isfile(os.path.join(folder, name)) for name in _WEIGHTS):
        raise EncoderUnavailableError(f"{folder} holds no weights; {_WEIGHTS[0]} is expected there.")
    if not any(os.path.isfile(os.path.join(folder, name)) for name in _WORDS):
        raise EncoderUnavailableError(f"{folder} holds no tokenizer; {' or '.join(_WORDS)} is expected there.")
    with _quietly(transformers):
        model = _model(transformers, folder)
        try:
            tokenizer = transformers.BertTokenizerFast.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            )
        except Exception as error:  # transformers and tokenizers each raise their own
            raise EncoderUnavailableError(f"The tokenizer in {folder} cannot be loaded ({_reason(error)}).") from error
    text = model.config.text_config
    if len(tokenizer) > text.vocab_size:
        raise EncoderUnavailableError(
            f"The tokenizer in {folder} knows {len(tokenizer):,} word pieces and its model {text.vocab_size:,}; "
            "they are not of one model."
        )
    preprocessing = _preprocessing(folder, described, model.config.vision_config.image_size)
    return BlipParts(model, tokenizer, preprocessing, int(text.max_position_embeddings))


def _import_transformers() -> Any:
    try:
        import torch  # noqa: F401
        import transformers
    except ModuleNotFoundError as error:
        missing = (error.name or "transformers").partition(".")[0]
        raise EncoderUnavailableError(
            f"{missing} is not installed, which BLIP needs; {how_to_get('transformers')}, or use `rerank=0`."
        ) from error
    except Exception as error:  # builds that do not fit together raise anything
        raise EncoderUnavailableError(
            f"transformers is installed but does not import ({_reason(error)}); "
            "`pip install -U transformers`, or use `rerank=0`."
        ) from error
    return transformers


def _fetched(repo: str) -> str:
    """The folder of `repo` in the hub's cache, with all that is needed; the small files come first."""
    from huggingface_hub import try_to_load_from_cache

    folder = os.path.dirname(hub.fetch(repo, [_CONFIG], _NEXT_STEP))
    _described(folder)  # before a gigabyte of something else is fetched
    hub.fetch(repo, _WORDS, _NEXT_STEP)
    if not any(isinstance(try_to_load_from_cache(repo, name), str) for name in _WEIGHTS):
        for names in _OPTIONAL:  # asked for with the weights alone: what is not there would be asked for every time
            with contextlib.suppress(EncoderUnavailableError):
                hub.fetch(repo, names)
    hub.fetch(repo, _WEIGHTS, _NEXT_STEP)
    return folder


def _described(folder: str) -> dict[str, Any]:
    """The configuration in `folder`, which is one of BLIP."""
    path = os.path.join(folder, _CONFIG)
    try:
        described = dict(json.loads(Path(path).read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise EncoderUnavailableError(f"{folder} holds no {_CONFIG}, so it is no BLIP model; {_NEXT_STEP}.") from None
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise EncoderUnavailableError(f"{path} does not describe a model ({misread(error)}); {_NEXT_STEP}.") from error
    kind = described.get("model_type")
    if kind != "blip":
        raise EncoderUnavailableError(
            f"{folder} holds a model of the kind {kind!r} and not 'blip'; {_EXAMPLE} is one that fits."
        )
    return described


def _model(transformers: Any, folder: str) -> Any:
    try:
        model, loading = transformers.BlipForImageTextRetrieval.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False, output_loading_info=True
        )
    except MemoryError as error:
        raise EncoderUnavailableError(f"There is not enough memory to load {folder}.") from error
    except Exception as error:  # safetensors, torch, pickle and transformers each raise their own
        raise EncoderUnavailableError(
            f"The weights in {folder} cannot be loaded ({_reason(error)}): they are damaged, or not those of its "
            f"{_CONFIG}; a complete model.safetensors is needed."
        ) from error
    missing = sorted(str(each) for each in loading["missing_keys"])
    if missing:
        raise EncoderUnavailableError(
            f"{folder} is no BLIP for image-text matching: its weights lack {missing[0]}"
            f"{f' and {len(missing) - 1} more' if len(missing) > 1 else ''}; "
            f"{_EXAMPLE} is one that fits."
        )
    return model.float().eval().requires_grad_(False)


def _preprocessing(folder: str, described: dict[str, Any], size: Any) -> Preprocessing:
    """The pixels that the model wants. Its size is the vision tower's, which takes no other."""
    processor: dict[str, Any] = {}
    for name, part in (("processor_config.json", "image_processor"), ("preprocessor_config.json", None)):
        with contextlib.suppress(OSError, ValueError, TypeError, RecursionError):
            read = dict(json.loads(Path(folder, name).read_text(encoding="utf-8")))
            processor |= dict(read.get(part) or {}) if part else read
    height, width = (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))
    try:
        mean, std = (tuple(map(float, processor.get(key) or default)) for key, default in _COLOURS)
        interpolation = _FILTERS.get(processor.get("resample", 3), "bicubic")
        return Preprocessing(
            height, width, "squash", interpolation, (mean[0], mean[1], mean[2]), (std[0], std[1], std[2])
        )
    except (ValueError, TypeError, IndexError) as error:
        raise EncoderUnavailableError(f"The image settings in {folder} make no sense ({_reason(error)}).") from error


_COLOURS = (("image_mean", _MEAN), ("image_std", _STD))


@contextlib.contextmanager
def _quietly(transformers: Any) -> Iterator[None]:
    """Without the progress bars and warnings that transformers writes to stderr; what matters is raised."""
    logging = transformers.utils.logging
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(logging.CRITICAL)
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def _reason(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
