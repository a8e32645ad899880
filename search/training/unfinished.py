"""What an unfinished training of an encoder has left in its work folder: of which training it is, and what goes when.

    <work>/training.json      the recipe: encoder, pairs and settings, but not the method
    <work>/<method>/          the states of a method (`indexer/training/checkpoints.py`)
    <work>/<method>.graphs/   graphs that were written before the end
    <work>/vectors.npz        what the encoder gave, of any training; it has its own key

The states of all methods are of one recipe, so that `auto` and any one method go on from one another's work, and
another recipe is refused before anything of it is lost.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from indexer.atomic import write_atomically
from indexer.encoders.base import EncoderId
from indexer.errors import StoreUnwritableError, UsageError
from indexer.training.settings import METHODS, AdaptationSettings
from indexer.training.training_pairs import TrainingPairs

_RECIPE: Final = "training.json"


def begin(
    work: Path,
    methods: Sequence[str],
    base: EncoderId,
    pairs: TrainingPairs,
    settings: AdaptationSettings,
    *,
    restart: bool,
) -> None:
    """Take the folder for this training. With `restart` the states of `methods` go, and those of another recipe all.

    Raises UsageError where it has states of another recipe, StoreUnwritableError.
    """
    recipe = {"encoder": base.weights, "pairs": pairs.digest(), "settings": asdict(settings)}
    former = _recipe(work) if methods_in(work) else None
    differs = _difference(former, recipe) if former is not None else ""
    if differs and not restart:
        raise UsageError(
            f"{work} holds an unfinished training {differs}; give what it had to go on with it, another `out` to "
            "leave it alone, or `restart=True` to begin anew without it."
        )
    if restart:
        for method in METHODS if differs else methods:
            _let_go(work, method)
    try:
        write_atomically(work / _RECIPE, json.dumps(recipe, sort_keys=True).encode())
    except OSError as error:
        raise StoreUnwritableError(
            f"The training cannot write in {work} ({error.strerror or error}); free some space, then run the same "
            "command again."
        ) from error


def end(work: Path, methods: Sequence[str]) -> tuple[str, ...]:
    """After the result of `methods` was written: the folder goes, unless other methods have states in it. Then all
    states stay, as `auto` goes on from those of `methods` too. Returns notes."""
    others = [each for each in methods_in(work) if each not in methods]
    if not others:
        shutil.rmtree(work, ignore_errors=True)
        return ()
    for method in methods:
        shutil.rmtree(_graphs(work, method), ignore_errors=True)
    return (
        f"The unfinished work of {', '.join(others)} stays in {work}: a training with their `method`, or with "
        "`method='auto'`, goes on with it.",
    )


def methods_in(work: Path) -> list[str]:
    """The methods that have states there, from cheap to dear."""
    return [method for method in METHODS if any((work / method).glob("*.pt"))]


def _recipe(work: Path) -> dict[str, Any] | None:
    """None where it is missing or damaged: then each method's own states say whose they are."""
    with suppress(OSError, ValueError):
        held = json.loads((work / _RECIPE).read_bytes())
        if isinstance(held, dict) and isinstance(held.get("settings"), dict):
            return held
    return None


def _difference(former: dict[str, Any], recipe: dict[str, Any]) -> str:
    """As words behind "an unfinished training"; "" where there is none."""
    if former.get("pairs") != recipe["pairs"]:
        return "with other pairs"
    if former.get("encoder") != recipe["encoder"]:
        return "with another encoder"
    names = [name for name, value in recipe["settings"].items() if former["settings"].get(name) != value]
    return f"with other settings ({', '.join(f'`{name}`' for name in names)})" if names else ""


def _let_go(work: Path, method: str) -> None:
    shutil.rmtree(work / method, ignore_errors=True)
    shutil.rmtree(_graphs(work, method), ignore_errors=True)


def _graphs(work: Path, method: str) -> Path:
    return work / f"{method}.graphs"
