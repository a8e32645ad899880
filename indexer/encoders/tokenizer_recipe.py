"""What is done to a text beside a tokenizer's own file, as an export's description keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, get_args

from indexer.encoders.base import LARGEST
from indexer.encoders.text_cleaning import Cleaning


@dataclass(frozen=True, slots=True)
class TokenizerRecipe:
    """What is done to a text beside the tokenizer's own file.

    `clean`: before it. A row is `context_length` ids, longer texts are cut and shorter ones get `padding`, behind them
    unless `pads_left` (`cuts_left`: the begin is cut away). `marks`: ids that are no word pieces. `unknown`: the id of
    what is not in the vocabulary. `zeroed`: an id that becomes 0 (open_clip's `strip_sep_token`). `ends`: of the mode
    "clips" the ids before a text, behind it, and at the end of the row (CLIPS puts the class token there).
    """

    clean: Cleaning
    context_length: int
    padding: int
    marks: tuple[int, ...]
    unknown: int | None = None
    zeroed: int | None = None
    ends: tuple[int, int, int] | None = None
    pads_left: bool = False
    cuts_left: bool = False

    def to_fields(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> TokenizerRecipe:
        """Read what `to_fields` gave. Raises ValueError, KeyError or TypeError for anything else."""
        ends = fields["ends"]
        first, last, row = (None, None, None) if ends is None else ends
        recipe = cls(
            **{**fields, "marks": tuple(fields["marks"]), "ends": None if ends is None else (first, last, row)}
        )
        ids = [recipe.padding, *recipe.marks, *(recipe.ends or ())]
        ids += [each for each in (recipe.unknown, recipe.zeroed) if each is not None]
        if not all(type(each) is int and each >= 0 for each in ids):
            raise ValueError("The ids of tokens are whole numbers from 0 on.")
        if type(recipe.context_length) is not int or not 3 < recipe.context_length <= LARGEST:
            raise ValueError("No text tower has such a context.")
        if recipe.clean not in get_args(Cleaning) or not all(
            type(x) is bool for x in (recipe.pads_left, recipe.cuts_left)
        ):
            raise ValueError("No tokenizer is described so.")
        return recipe
