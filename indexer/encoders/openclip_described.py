"""The files that an open_clip model is described by: its configuration, and which file beside it holds the weights."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from indexer.encoders.adapted_files import DESCRIPTION as ADAPTED
from indexer.encoders.adapted_spec import adapted_name
from indexer.encoders.openclip_spec import PREFIX
from indexer.errors import EncoderUnavailableError
from indexer.misread import misread

CONFIG = "open_clip_config.json"
#: Weights of a repository or folder, best first; open_clip's own names, then what the others export.
WEIGHTS = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "open_clip_pytorch_model.bin",
    "open_clip_pytorch_model.pth",
    "model.safetensors",
    "pytorch_model.bin",
)


def read_config(path: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """open_clip's `model_cfg`, and the overrides of its preprocessing. Raises EncoderUnavailableError."""
    try:
        described = json.loads(Path(path).read_text(encoding="utf-8"))
        config, preprocess = dict(described["model_cfg"]), dict(described.get("preprocess_cfg") or {})
        dict(config["text_cfg"]), dict(config["vision_cfg"]), int(config["embed_dim"])
    except FileNotFoundError:
        raise _undescribed(os.path.dirname(path)) from None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise EncoderUnavailableError(
            f"{path} does not describe an open_clip model ({misread(error)}); put the file there that belongs to the "
            "weights, or name another `encoder`."
        ) from error
    return config, preprocess


def _undescribed(folder: str) -> EncoderUnavailableError:
    """What to say of a folder without a configuration: what a training made is named in another way."""
    step = (
        "put the one that belongs to the weights there, or name their architecture: "
        f"`encoder='{PREFIX}MODEL@CHECKPOINT'`"
    )
    if os.path.isfile(os.path.join(folder, ADAPTED)):
        step = f"a training has made it, so use `encoder={adapted_name(Path(folder))!r}`"
    return EncoderUnavailableError(f"{folder} holds no {CONFIG}; {step}.")


def checkpoint_in(folder: str) -> str:
    """The file of the weights in a folder. Raises EncoderUnavailableError."""
    for name in WEIGHTS:
        if os.path.isfile(os.path.join(folder, name)):
            return os.path.join(folder, name)
    others = sorted(path for suffix in ("safetensors", "bin", "pth", "pt") for path in Path(folder).glob(f"*.{suffix}"))
    if len(others) == 1:
        return str(others[0])
    if others:
        names = ", ".join(path.name for path in others)
        raise EncoderUnavailableError(f"{folder} holds several checkpoints ({names}); call one {WEIGHTS[0]}.")
    raise EncoderUnavailableError(f"{folder} holds no checkpoint; {WEIGHTS[0]} is expected there.")


def check_towers(config: Mapping[str, Any], source: str) -> None:
    """Raise EncoderUnavailableError for an image tower that timm would look for elsewhere: `hf-hub:`, `local-dir:`.

    timm fetches the description of such a tower even where no weights are wanted.
    """
    name = config["vision_cfg"].get("timm_model_name")
    if name is not None and not (isinstance(name, str) and re.fullmatch(r"[\w.-]+", name)):
        raise EncoderUnavailableError(
            f"The configuration beside {source} names the image tower {name!r}, which is no architecture of timm; "
            "use a model whose configuration names one."
        )
