"""What a query may say of its answers: their kind and their order."""

from __future__ import annotations

from typing import Literal

Target = Literal["image", "text", "any"]
TARGETS: tuple[Target, ...] = ("image", "text", "any")

Order = Literal["score", "date", "-date", "name", "-name", "size", "-size"]
ORDERS: tuple[Order, ...] = ("score", "date", "-date", "name", "-name", "size", "-size")
