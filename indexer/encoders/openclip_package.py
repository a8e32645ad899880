"""The package open_clip: how it is imported, what it publishes, and its settings in this product's words."""

from __future__ import annotations

from typing import Any

from indexer.distribution import how_to_get
from indexer.encoders.base import Interpolation, Preprocessing, ResizeMode
from indexer.errors import EncoderUnavailableError
from indexer.paths import require_working_folder


def import_open_clip() -> Any:
    """The package, and torch with it. Raises EncoderUnavailableError where either is missing or broken."""
    require_working_folder("torch")
    try:
        import open_clip
        import torch  # noqa: F401
    except ModuleNotFoundError as error:
        missing = (error.name or "open_clip").partition(".")[0]
        advice = how_to_get("open_clip_torch", "torch", "torchvision")
        raise EncoderUnavailableError(f"{missing} is not installed; {advice}, or use `encoder='bundled'`.") from error
    except Exception as error:  # builds of torch and torchvision that do not fit together raise anything
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise EncoderUnavailableError(
            f"open_clip is installed but does not import ({reason}); install torch and torchvision of one release "
            "together, or use `encoder='bundled'`."
        ) from error
    return open_clip


def list_published() -> list[tuple[str, str]]:
    """Every (architecture, tag) that open_clip can fetch; imports open_clip. Raises EncoderUnavailableError."""
    return [(str(model), str(tag)) for model, tag in import_open_clip().list_pretrained()]


def preprocessing_of(config: dict[str, Any]) -> Preprocessing:
    """open_clip's `preprocess_cfg` as what its inference transform makes of it.

    Raises EncoderUnavailableError for a setting that this product has no pixels for.
    """
    size = config["size"]
    height, width = (size, size) if isinstance(size, int) else (size[0], size[-1])
    modes: dict[str, ResizeMode] = {"squash": "squash", "shortest": "shortest", "longest": "longest"}
    mode = modes.get(config.get("resize_mode") or "shortest")
    if mode is None:
        raise EncoderUnavailableError(f"Resize mode {config['resize_mode']!r} of this model is not supported.")
    interpolation: Interpolation = "bilinear" if config.get("interpolation") == "bilinear" else "bicubic"
    if mode == "shortest" and height != width:
        interpolation = "bicubic"  # open_clip hands the setting on for squares only
    fill = config.get("fill_color") or 0
    return Preprocessing(
        int(height),
        int(width),
        mode,
        interpolation,
        _per_channel(config["mean"]),
        _per_channel(config["std"]),
        int(fill if isinstance(fill, int) else fill[0]),
    )


def _per_channel(value: Any) -> tuple[float, float, float]:
    red, green, blue = (float(value),) * 3 if isinstance(value, (int, float)) else map(float, value)
    return red, green, blue
