"""How a training of an encoder ended: what was tried, what was chosen, what it brings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from search.training.gains import EncoderGains


@dataclass(frozen=True, slots=True)
class Attacked:
    """Share of the held-out images (`images` of them) that still find a caption of theirs first after an attack, before
    and after the training."""

    kind: str
    epsilon: float
    images: int
    before: float
    after: float

    def to_json(self) -> dict[str, Any]:
        """As `adapted.json` keeps it."""
        return {
            "kind": self.kind,
            "epsilon": self.epsilon,
            "images": self.images,
            "base": self.before,
            "adapted": self.after,
        }


@dataclass(frozen=True, slots=True)
class Tried:
    """One method: its gains on the images that judge, the curve on those that choose, the best pass (0: none was better
    than the base). `problem`: why it did not come to an end, and then there are no gains."""

    method: str
    gains: EncoderGains | None
    curve: tuple[dict[str, Any], ...] = ()
    best: int = 0
    ended: str = ""
    attack: Attacked | None = None
    problem: str = ""

    def to_json(self) -> dict[str, Any]:
        """As `adapted.json` keeps it."""
        return {
            "method": self.method,
            "held-out": None if self.gains is None else self.gains.to_json(),
            "curve": list(self.curve),
            "best pass": self.best,
            "ended": self.ended,
            "attack": None if self.attack is None else self.attack.to_json(),
            "problem": self.problem,
        }


@dataclass(frozen=True, slots=True)
class EncoderReport:
    """How the training ended. `encoder`: what `--encoder` takes. `helps`: it was shown to be better than the base.
    `kept_earlier`: an adapted encoder that helps was there and this one does not, so that one stayed."""

    folder: str
    encoder: str
    base: str
    method: str
    helps: bool
    tried: tuple[Tried, ...]
    images: int
    texts: int
    kept_earlier: bool
    notes: tuple[str, ...]

    @property
    def chosen(self) -> Tried:
        """The method that was taken."""
        return next(each for each in self.tried if each.method == self.method)

    def to_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "folder": self.folder,
            "encoder": self.encoder,
            "base": self.base,
            "method": self.method,
            "helps": self.helps,
            "tried": [each.to_json() for each in self.tried],
            "trained on": {"images": self.images, "texts": self.texts},
            "kept earlier": self.kept_earlier,
            "notes": list(self.notes),
        }
