"""Texts to the tokens of an open_clip model, and back to what a person reads.

open_clip itself is handed in by `openclip.py`, which alone imports it.
"""

from __future__ import annotations

import re
from typing import Any, Final

import numpy as np

from indexer import forking
from indexer.encoders.coverage import unread_english, unread_unknown
from indexer.encoders.openclip_model import Sources, check_runs_no_code, first_line, missing_package
from indexer.errors import EncoderUnavailableError
from indexer.text import with_few_marks
from indexer.types import Int64, Texts

#: What a configuration may say of a tokenizer. open_clip hands whatever else stands there on to transformers, where
#: `trust_remote_code` would run code that came with the model.
_OPTIONS: Final = frozenset({"clean", "strip_sep_token", "language", "reduction_mask", "additional_special_tokens"})


class Tokenizer:
    """The model's own tokenizer. Safe to call from several threads (Hugging Face's are not)."""

    def __init__(self, open_clip: Any, sources: Sources) -> None:
        text = dict(sources.config.get("text_cfg", {}))
        self.context_length: int = int(text.get("context_length") or 77)
        self._lock = forking.lock()
        self._simple = not text.get("hf_tokenizer_name")
        options = self._options = _checked_options(text.get("tokenizer_kwargs"))
        try:
            if self._simple:
                self._tokenizer = open_clip.SimpleTokenizer(context_length=self.context_length, **options)
            else:
                self._tokenizer = open_clip.tokenizer.HFTokenizer(
                    sources.tokenizer,
                    context_length=self.context_length,
                    tokenizer_mode=text.get("tokenizer_mode"),
                    trust_remote_code=False,
                    local_files_only=True,
                    **options,
                )
        except ImportError as error:
            raise missing_package(error) from error
        except Exception as error:  # transformers: a folder without a tokenizer, a damaged or unknown one
            for name in ("tokenizer_config.json", "config.json"):
                check_runs_no_code(str(sources.tokenizer), name)
            raise EncoderUnavailableError(
                f"The tokenizer in {sources.tokenizer} cannot be loaded ({first_line(error)})."
            ) from error

    def __call__(self, texts: Texts) -> Int64:
        """Returns (n, context_length) int64; longer texts are cut."""
        with self._lock:
            tokens: Int64 = self._tokenizer([self._clean(text) for text in texts]).numpy()
        return tokens

    def count(self, text: str) -> int:
        """The tokens of `text` before it is cut, those for its start and end included."""
        text = self._clean(text)
        with self._lock:
            if self._simple:
                return len(self._tokenizer.encode(text)) + 2
            return len(self._tokenizer.tokenizer(self._tokenizer.clean_fn(text))["input_ids"])

    def word_places(self, tokens: Int64, limit: int) -> list[Int64]:
        """Where in each row of `tokens` (n, context_length) its word pieces stand: at most `limit`, at least one.

        Start, end and padding are none; a text without words has its end, or what stands first, in their place.
        """
        return [self._places(row)[:limit] for row in tokens]

    def words(self, text: str, limit: int) -> list[str]:
        """What a person reads at each of `word_places` of `text`; "" where that is no word."""
        row = self([text])[0]  # (context_length,)
        ids = [int(row[place]) for place in self._places(row)[:limit]]
        with self._lock:
            return [self._readable(each) for each in ids]

    def unread(self, text: str) -> list[str]:
        """The words of `text` that the tokenizer's texts have not taught: CLIP's were English, the others tell an
        unknown piece."""
        if self._simple:
            return unread_english(text, lambda word: self.count(word) - 2, other_scripts=True)
        return unread_unknown(text, self._pieces)

    def _pieces(self, word: str) -> int | None:
        here = self._tokenizer.tokenizer
        with self._lock:
            ids = here(self._tokenizer.clean_fn(self._clean(word)))["input_ids"]
        return None if here.unk_token_id is not None and here.unk_token_id in ids else len(ids)

    @property
    def is_clips(self) -> bool:
        """Whether it is CLIP's own, of English texts."""
        return self._simple

    def byte_pairs(self) -> tuple[dict[str, int], dict[tuple[str, str], int]] | None:
        """CLIP's vocabulary (token to id) and merges (pair to rank); None for other tokenizers or another cleaning."""
        return (self._tokenizer.encoder, self._tokenizer.bpe_ranks) if self._simple and not self._options else None

    def _places(self, row: Int64) -> Int64:
        if self._simple:
            end = int(np.flatnonzero(row == self._tokenizer.eot_token_id)[-1])
            inner = np.arange(1, end)  # id 0 pads, and is a word piece too
            places: Int64 = inner[~np.isin(row[1:end], self._tokenizer.all_special_ids[:2])]
            return places if len(places) else np.array([end])
        here = self._tokenizer.tokenizer
        padding = [here.pad_token_id] if here.pad_token_id is not None else []
        outside = [here.bos_token_id, here.eos_token_id, here.cls_token_id, here.sep_token_id]
        special = [*padding, *(each for each in outside if each is not None)]
        special += [0] if self._tokenizer.strip_sep_token else []  # open_clip writes 0 over the separator
        places = np.flatnonzero(~np.isin(row, special))
        if not len(places):
            places = np.flatnonzero(~np.isin(row, padding))[:1]
        return places if len(places) else np.array([0])

    def _readable(self, piece: int) -> str:
        if not self._simple:
            here = self._tokenizer.tokenizer
            if piece in here.all_special_ids and piece != here.unk_token_id:
                return ""
            word: str = here.convert_tokens_to_string(here.convert_ids_to_tokens([piece]))
            return word.strip().removeprefix("##")
        if piece in self._tokenizer.all_special_ids:
            return ""
        letters = self._tokenizer.decoder[piece].removesuffix("</w>")
        return bytes(self._tokenizer.byte_decoder[each] for each in letters).decode("utf-8", "replace")

    def _clean(self, text: str) -> str:
        """Lone surrogates (names that are not UTF-8) do not encode. CLIP's BPE takes at least quadratic time in the
        length of a word, 8 s for 10,000 letters; no word is that long, so one of over 256 letters is cut into several.
        """
        text = with_few_marks(text.encode("utf-8", "replace").decode("utf-8"))
        return re.sub(r"(\S{256})(?=\S)", r"\1 ", text) if self._simple else text


def _checked_options(given: object) -> dict[str, Any]:
    """Raises EncoderUnavailableError for one that is not among `_OPTIONS`."""
    options = dict(given) if isinstance(given, dict) else {}
    unknown = sorted(map(str, options.keys() - _OPTIONS))
    if unknown:
        raise EncoderUnavailableError(
            f"The model's configuration gives its tokenizer the option {unknown[0]!r}, which is not taken from a file; "
            f"{', '.join(sorted(_OPTIONS))} are."
        )
    return options
