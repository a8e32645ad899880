"""Where a photograph was taken, for people."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PlaceNames:
    """Where a photograph was taken, in words. `city`: the nearest, a quarter of a larger one too, which `near` names
    then; None where none is near. `country`: in English."""

    city: str | None
    near: str | None
    region: str | None
    country: str

    def __str__(self) -> str:
        """In short: "Kreuzberg (Berlin), Germany"."""
        if self.city is None:
            return self.country
        return f"{self.city}{'' if self.near is None else f' ({self.near})'}, {self.country}"

    def to_json(self) -> dict[str, str]:
        """The documented JSON object; unknown fields are left out."""
        named = (("city", self.city), ("near", self.near), ("region", self.region), ("country", self.country))
        return {name: value for name, value in named if value is not None}
