"""A training's state on disk, one file a pass, so that it goes on after a kill as if nothing had happened.

    <work>/pass-0007.pt     SHA-256 (32 bytes), then what `torch.save` writes of tensors and plain values

The last two are kept: a damaged file is found by its digest, and the one before it takes its place.
"""

from __future__ import annotations

import hashlib
import io
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import torch

from indexer.atomic import write_atomically
from indexer.errors import StoreUnwritableError, UsageError
from indexer.private import make_folder
from indexer.reach import reason

_KEPT: Final = 2
_DIGEST: Final = 32


class Checkpoints:
    """The states of one training. `fingerprint` says of what: a state of another one is never taken."""

    def __init__(self, work: Path, fingerprint: str) -> None:
        self._work, self._fingerprint = work, fingerprint

    def save(self, number: int, state: dict[str, Any]) -> None:
        """Keep the state after pass `number`. Raises StoreUnwritableError."""
        stream = io.BytesIO()
        torch.save({"fingerprint": self._fingerprint, "state": state}, stream)
        data = stream.getvalue()
        try:
            make_folder(self._work)
            write_atomically(self._path(number), hashlib.sha256(data).digest() + data)
        except OSError as error:
            raise StoreUnwritableError(
                f"The state of the training cannot be written in {self._work} ({error.strerror or error}); "
                "free some space, then run the same command again: it goes on from its last pass."
            ) from error
        for old in self._all()[:-_KEPT]:
            with suppress(OSError):
                old.unlink()

    def load(self) -> tuple[dict[str, Any] | None, tuple[str, ...]]:
        """The latest good state, None when there is none, and a note for each that is damaged.

        Raises UsageError when the state is of other pairs, another encoder or other settings.
        """
        notes: list[str] = []
        for path in reversed(self._all()):
            try:
                held = _read(path)
            except OSError as error:
                notes.append(
                    f"The checkpoint {path} cannot be read ({reason(error)}); the training goes on from an earlier one."
                )
                continue
            if held is None:
                notes.append(f"The checkpoint {path} is damaged; the training goes on from an earlier one.")
                continue
            if held["fingerprint"] != self._fingerprint:
                raise UsageError(
                    f"{self._work} holds an unfinished training with other pairs, another encoder or other settings; "
                    "give `restart=True` to begin anew, or the former options to go on."
                )
            state: dict[str, Any] = held["state"]
            return state, tuple(notes)
        if notes:
            notes[-1] = f"No checkpoint in {self._work} can be used; the training begins anew."
        return None, tuple(notes)

    def clear(self) -> None:
        """Remove all of them."""
        for path in self._all():
            path.unlink(missing_ok=True)

    def _path(self, number: int) -> Path:
        return self._work / f"pass-{number:04}.pt"

    def _all(self) -> list[Path]:
        """By number, the latest last."""
        return sorted(self._work.glob("pass-*.pt"), key=lambda path: (len(path.name), path.name))


def _read(path: Path) -> dict[str, Any] | None:
    """None where it is damaged. Raises OSError."""
    data = path.read_bytes()
    try:
        if hashlib.sha256(data[_DIGEST:]).digest() != data[:_DIGEST]:
            return None
        # A training that began on a GPU may go on without one.
        held = torch.load(io.BytesIO(data[_DIGEST:]), map_location="cpu", weights_only=True)
    except Exception:  # torch raises many kinds
        return None
    return held if isinstance(held, dict) and {"fingerprint", "state"} <= held.keys() else None
