"""From the files of a Hugging Face tokenizer to a `PackedTokenizer`, and what transformers would do beside the file.

A folder with a `tokenizer.json` needs no transformers: what its classes add (special tokens by default, marks of start
and end, a language) is said here, for the families that open_clip's models have; the file is the truth for the rest.
Everything else, and folders with a slow tokenizer's files alone, transformers reads once, if it is installed, and what
it has made is packed.

open_clip itself is handed in by `openclip.py`, which alone imports it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from indexer.distribution import how_to_get
from indexer.encoders.packed_tokenizer import PackedTokenizer, read_text
from indexer.encoders.tokenizer_recipe import TokenizerRecipe
from indexer.errors import EncoderUnavailableError

_FILE: Final = "tokenizer.json"
#: Tokens by their roles, as transformers calls them.
_ROLES: Final = ("bos_token", "eos_token", "cls_token", "sep_token", "pad_token", "unk_token", "mask_token")


@dataclass(frozen=True, slots=True)
class _Family:
    """What a class of transformers takes where the files are silent. `fixed`: it puts its own marks around a text,
    whatever `add_bos_token` and `add_eos_token` say; None: only what these say, both of them."""

    tokens: Mapping[str, str]
    fixed: bool | None = False
    pads_left: bool = False


def _tokens(bos: str, eos: str, pad: str, unk: str, cls: str, sep: str, mask: str) -> dict[str, str]:
    return dict(zip(_ROLES, (bos, eos, cls, sep, pad, unk, mask), strict=True))


_BERT: Final = {
    "cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]", "unk_token": "[UNK]", "mask_token": "[MASK]",
}  # fmt: skip
_FAIRSEQ: Final = _tokens("<s>", "</s>", "<pad>", "<unk>", "<s>", "</s>", "<mask>")
_FAMILIES: Final[dict[str, _Family]] = {
    "bert": _Family(_BERT),
    "distilbert": _Family(_BERT),
    "roberta": _Family(_FAIRSEQ),
    "xlmroberta": _Family(_FAIRSEQ, fixed=True),
    "nllb": _Family(_FAIRSEQ, fixed=True),
    "t5": _Family({"eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}, fixed=True),
    "mt5": _Family({"eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}, fixed=True),
    "gemma": _Family(
        {
            "bos_token": "<bos>",
            "eos_token": "<eos>",
            "pad_token": "<pad>",
            "unk_token": "<unk>",
            "mask_token": "<mask>",
        },
        fixed=None,
        pads_left=True,
    ),
    "pretrained": _Family({}),  # PreTrainedTokenizerFast
    "tokenizersbackend": _Family({}),
}


def load_tokenizer(open_clip: Any, folder: str, text: Mapping[str, Any], options: Mapping[str, Any]) -> PackedTokenizer:
    """The tokenizer in `folder`. `text`: a model's `text_cfg`, `options`: its `tokenizer_kwargs`, checked.

    Raises EncoderUnavailableError, which names the tokenizer; ImportError never.
    """
    return _from_file(Path(folder), text, options) or _from_transformers(open_clip, folder, text, options)


def _context(text: Mapping[str, Any]) -> int:
    return int(text.get("context_length") or 77)


# -- without transformers -----------------------------------------------------------------------------------


def _from_file(folder: Path, text: Mapping[str, Any], options: Mapping[str, Any]) -> PackedTokenizer | None:
    """None where there is no `tokenizer.json`, or more is to be done than is known here."""
    if not (folder / _FILE).is_file() or options.keys() - {"clean", "strip_sep_token", "language"}:
        return None
    config = _json(folder / "tokenizer_config.json")
    family = _FAMILIES.get(_family_name(folder, config))
    if family is None or "auto_map" in config:
        return None
    fields = _object(read_text(folder / _FILE))
    if fields is None:
        raise EncoderUnavailableError(f"The tokenizer in {folder} cannot be loaded ({_FILE} is no JSON object).")
    tokens = _special_tokens(folder, config, family, fields)
    if not _adapt(fields, config, options.get("language"), family, tokens, _family_name(folder, config)):
        return None
    probe = _ids(fields)
    ids = {role: probe.get(token) for role, token in tokens.items()}
    if ids.get("pad_token") is None or not _knows(config, probe):
        return None
    padding, truncation = fields.get("padding") or {}, fields.get("truncation") or {}
    side = config.get("padding_side") or padding.get("direction") or ("left" if family.pads_left else "right")
    cut = config.get("truncation_side") or truncation.get("direction") or "right"
    special = [each["id"] for each in fields.get("added_tokens") or () if each.get("special")]
    recipe = _recipe(ids, special, text, options, str(side).lower() == "left", str(cut).lower() == "left")
    fields["padding"] = fields["truncation"] = None
    return PackedTokenizer(json.dumps(fields, ensure_ascii=False), recipe, str(folder))


def _family_name(folder: Path, config: Mapping[str, Any]) -> str:
    described = _json(folder / "config.json")
    name = (
        config.get("tokenizer_class") or described.get("tokenizer_class") or described.get("model_type") or "pretrained"
    )
    return str(name).removesuffix("Fast").removesuffix("Tokenizer").lower().replace("-", "").replace("_", "")


def _special_tokens(
    folder: Path, config: Mapping[str, Any], family: _Family, fields: Mapping[str, Any]
) -> dict[str, str]:
    """By role: as the files say, the more particular first."""
    padding = (fields.get("padding") or {}).get("pad_token")
    found = {**family.tokens, **({"pad_token": padding} if padding else {})}
    for source in (_json(folder / "special_tokens_map.json"), config):
        for role in _ROLES:
            token = source.get(role)
            if isinstance(token, dict):  # with what stands beside it
                token = token.get("content")
            if isinstance(token, str):
                found[role] = token
    return found


def _adapt(
    fields: dict[str, Any],
    config: Mapping[str, Any],
    language: Any,
    family: _Family,
    tokens: Mapping[str, str],
    name: str,
) -> bool:
    """Put into `fields` what the class of transformers would change; False where that is not known."""
    known = _ids(fields)
    given = [key for key in ("add_bos_token", "add_eos_token") if key in config]
    if name == "nllb":
        # open_clip's `language` is put in, and transformers takes it out again at each call (5.23), so no model of
        # open_clip was ever given another language than that of its tokenizer's configuration.
        code = config.get("src_lang") or "eng_Latn"
        marks = ("A", tokens["eos_token"], code) if config.get("legacy_behaviour") else (code, "A", tokens["eos_token"])
        return _put_marks(fields, marks, known)
    if language is not None:
        return False
    if family.fixed is None and len(given) == 1:
        return False
    if given and not family.fixed:
        first = [tokens.get("bos_token", "")] if config.get("add_bos_token") else []
        last = [tokens.get("eos_token", "")] if config.get("add_eos_token") else []
        return _put_marks(fields, (*first, "A", *last), known)
    normalizer, splitter = fields.get("normalizer") or {}, fields.get("pre_tokenizer") or {}
    if normalizer.get("type") == "BertNormalizer":
        named = {"do_lower_case": "lowercase", "strip_accents": "strip_accents"}
        named["tokenize_chinese_chars"] = "handle_chinese_chars"
        normalizer |= {own: config[theirs] for theirs, own in named.items() if theirs in config}
    if splitter.get("type") == "ByteLevel" and "add_prefix_space" in config:
        splitter["add_prefix_space"] = bool(config["add_prefix_space"])
    return True


def _put_marks(fields: dict[str, Any], marks: tuple[str, ...], known: Mapping[str, int]) -> bool:
    """`marks`: tokens in their order, "A" for the text. False where one is not in the vocabulary."""
    tokens = [mark for mark in marks if mark != "A"]
    if any(mark not in known for mark in tokens):
        return False
    single = [
        {"Sequence": {"id": "A", "type_id": 0}} if mark == "A" else {"SpecialToken": {"id": mark, "type_id": 0}}
        for mark in marks
    ]
    fields["post_processor"] = {
        "type": "TemplateProcessing",
        "single": single,
        "pair": [*single, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {mark: {"id": mark, "ids": [known[mark]], "tokens": [mark]} for mark in tokens},
    }
    return True


def _ids(fields: Mapping[str, Any]) -> dict[str, int]:
    """Every token of a `tokenizer.json` and its id."""
    vocabulary = (fields.get("model") or {}).get("vocab") or {}
    if isinstance(vocabulary, list):  # unigrams, each with its score
        found = {str(each[0]): place for place, each in enumerate(vocabulary)}
    else:
        found = {str(token): int(number) for token, number in vocabulary.items()}
    return found | {str(each["content"]): int(each["id"]) for each in fields.get("added_tokens") or ()}


def _knows(config: Mapping[str, Any], known: Mapping[str, int]) -> bool:
    """Whether no token is added by the configuration: it would get an id of its own."""
    added = config.get("added_tokens_decoder")
    if isinstance(added, dict) and any(known.get(str(each["content"])) != int(key) for key, each in added.items()):
        return False
    for key in ("additional_special_tokens", "extra_special_tokens"):
        extra = config.get(key) or ()
        for token in extra.values() if isinstance(extra, dict) else extra:
            if (token.get("content") if isinstance(token, dict) else token) not in known:
                return False
    return True


def _json(file: Path) -> dict[str, Any]:
    """{} where there is no such file, or none with an object in it."""
    try:
        return _object(file.read_text(encoding="utf-8")) or {}
    except (OSError, ValueError):
        return {}


def _object(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _recipe(
    ids: Mapping[str, int | None],
    special: list[int],
    text: Mapping[str, Any],
    options: Mapping[str, Any],
    pads_left: bool,
    cuts_left: bool,
) -> TokenizerRecipe:
    """`ids` by role; `special`: of all special tokens."""
    unknown, padding = ids.get("unk_token"), ids["pad_token"]
    assert padding is not None
    zeroed = ids.get("sep_token") if options.get("strip_sep_token") else None
    ends = None
    if text.get("tokenizer_mode") == "clips":
        first, last, end = (ids.get(role) for role in ("bos_token", "eos_token", "cls_token"))
        if first is None or last is None or end is None:
            raise EncoderUnavailableError("The model's tokenizer has no tokens for start, end and class; use another.")
        ends, zeroed, pads_left = (first, last, end), None, False
    marks = {padding, *special, *(each for role, each in ids.items() if each is not None and role != "mask_token")}
    marks |= {0} if zeroed is not None else set()  # written over the separator
    return TokenizerRecipe(
        options.get("clean", "whitespace"),
        _context(text),
        padding,
        tuple(sorted(marks - {unknown})),
        unknown,
        zeroed,
        ends,
        pads_left,
        cuts_left,
    )


# -- by transformers ----------------------------------------------------------------------------------------


def _from_transformers(
    open_clip: Any, folder: str, text: Mapping[str, Any], options: Mapping[str, Any]
) -> PackedTokenizer:
    from indexer.encoders.openclip_model import check_runs_no_code, first_line

    try:
        made = open_clip.tokenizer.HFTokenizer(
            folder,
            context_length=_context(text),
            tokenizer_mode=text.get("tokenizer_mode"),
            trust_remote_code=False,
            local_files_only=True,
            **options,
        )
    except ImportError as error:
        package = (error.name or "transformers").partition(".")[0]
        raise EncoderUnavailableError(
            f"The tokenizer in {folder} is not one that is read here by itself, and the package {package} is missing, "
            f"which reads it; {how_to_get(package)}, or put its tokenizer.json there."
        ) from error
    except Exception as error:  # a folder without a tokenizer, a damaged or unknown one
        for name in ("tokenizer_config.json", "config.json"):
            check_runs_no_code(folder, name)
        raise EncoderUnavailableError(
            f"The tokenizer in {folder} cannot be loaded ({first_line(error)}); put its tokenizer.json there."
        ) from error
    inner = made.tokenizer
    backend = getattr(inner, "backend_tokenizer", None)
    if backend is None or inner.pad_token_id is None:
        what = "has no fast form" if backend is None else "has no token for padding"
        raise EncoderUnavailableError(f"The tokenizer in {folder} {what}; put a complete tokenizer.json there.")
    inner("")  # what a class changes at each call, as NLLB's language
    fields = json.loads(backend.to_str())
    fields["padding"] = fields["truncation"] = None
    ids = {role: getattr(inner, f"{role}_id", None) for role in _ROLES}
    left = inner.padding_side == "left", inner.truncation_side == "left"
    recipe = _recipe(ids, list(inner.all_special_ids), text, options, *left)
    return PackedTokenizer(json.dumps(fields, ensure_ascii=False), recipe, folder)
