"""Ids, which mean the same wherever they stand: in an address, in a body, in the call of a tool.

What is no whole number from 0 to 2**63 - 1 is no id, and refused with 422; what is one and belongs to nothing is not
there, and answered with 404. The library has the same bounds.
"""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Path
from pydantic import Field

MOST: Final = 2**63 - 1
#: Anywhere but in an address.
Id = Annotated[int, Field(ge=0, le=MOST)]
#: In an address, as `{id}`.
ItemId = Annotated[int, Path(ge=0, le=MOST, description="Of a hit or an item.")]
