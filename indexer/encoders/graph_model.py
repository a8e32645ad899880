"""What a folder of exported graphs says of itself: the model that ships, or one that was exported on this machine.

<folder>/encoder.json        the model that ships (`tools/bundled` writes it) or one that was trained further
                             (`training/graphs/writer.py`), or
         model.json          one exported here (`export_cache.py` writes it)
         image.xml  .bin     pixels (b, h, w, 3) uint8 -> vectors (b, d), tokens (b, regions, width) int8
         text.xml   .bin     a row of a tokenizer, (1, T) int64 -> vectors (1, d), tokens (1, t, width) int8
         tokenizer.json
         words.txt           what the model that ships has learned (`vocabulary.py`, with a sum of its own)

Both descriptions hold a sum of each file (`page_sums.py`), and one of themselves: bytes are compared with it before
they are used, but for those that a compiled graph stands for, which has a sum of its own (`compile_cache.py`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from indexer.encoders.base import EncoderId, Preprocessing, TokenShape
from indexer.encoders.tokenizer_recipe import TokenizerRecipe
from indexer.errors import EncoderUnavailableError, UsageError
from indexer.json_digest import json_digest
from indexer.misread import misread
from indexer.paths import absolute
from indexer.settings import models_folder
from indexer.types import Int64

if TYPE_CHECKING:
    from indexer.encoders.runtime import Arithmetic

Tower = Literal["image", "text"]
TOWERS: Final[tuple[Tower, Tower]] = ("image", "text")
TOKENIZER: Final = "tokenizer.json"
WORDS: Final = "words.txt"

BUNDLED: Final = "bundled"
BUNDLED_DESCRIPTION: Final = "encoder.json"
BUNDLED_FORMAT: Final = 2
#: The name that the description of the bundled model has when it was trained further, on pairs of one's own.
ADAPTED: Final = "adapted"

EXPORTED_DESCRIPTION: Final = "model.json"
#: Grows when the files change their meaning; folders of another format are made anew.
EXPORTED_FORMAT: Final = 3

#: Key of a description: the sum of the rest of it.
_OWN_SUM: Final = "own_sum"


class DamagedExportError(EncoderUnavailableError):
    """Files of an exported model are damaged or gone: it can be made again."""


class Tokenizer(Protocol):
    """What stands between a text and the text tower of a graph. Safe to call from several threads."""

    def row(self, text: str, most: int) -> tuple[Int64, slice]:
        """The tower's input (T,) int64, and which of the tokens that it gives back are those of words: `most`, or less.

        `most` is 0 for a model that yields no tokens.
        """
        ...

    def row_length(self, most: int) -> int | None:
        """T, where every text has the same."""
        ...

    def words(self, text: str, most: int) -> list[str]:
        """What a person reads at each of those tokens."""
        ...

    def unread(self, text: str) -> list[str]:
        """The words of `text` that the model has no idea of."""
        ...

    def suggested(self, word: str) -> str | None:
        """The word that was meant by one that the model has no idea of, where that can be said."""
        ...

    def count(self, text: str) -> int:
        """How many tokens `text` has before it is cut, the marks of start and end included."""
        ...


@dataclass(frozen=True, slots=True)
class GraphModel:
    """A folder's description, of either format. `inputs`: what the graphs call their input, by tower.

    `unit`: whether the vectors of the graphs are of unit norm. `single_image`: whether one image alone, a query's, is
    run on all threads, in a graph of its own; a small tower is quicker than loading that takes. `sums`: of the files,
    by name. `exported`: made on this machine; `waits`: without photographs, with which it would be faster.
    """

    identity: EncoderId
    tokens: TokenShape | None
    max_text_tokens: int
    arithmetic: dict[Tower, Arithmetic]
    inputs: dict[Tower, str]
    tokenizer: Literal["word pieces", "clip"] | TokenizerRecipe
    unit: bool
    single_image: bool
    batch_size: int
    text_batch_size: int
    remedy: str
    sums: Mapping[str, str]
    exported: bool = False
    waits: bool = False

    def damaged(self, file: Path, what: str = "damaged") -> EncoderUnavailableError:
        """The error of a file that is not what it should be, or not there (`what`)."""
        kind = DamagedExportError if self.exported else EncoderUnavailableError
        return kind(f"The model file {file} is {what}; {self.remedy}.")

    def verify(self, *files: Path) -> None:
        """Raise EncoderUnavailableError for the first of these files of the model that is not what was written."""
        for file in files:
            try:
                found = file_sum(file)
            except FileNotFoundError as error:
                raise self.damaged(file, "missing") from error
            except OSError as error:
                raise self.damaged(file, f"out of reach ({error.strerror})") from error
            if found != self.sums[file.name]:
                raise self.damaged(file)


def read_model(folder: Path) -> GraphModel:
    """Raises EncoderUnavailableError for a description that is missing or damaged."""
    if not (folder / EXPORTED_DESCRIPTION).exists():
        return _bundled(folder)
    try:
        return ExportedModel.read(folder).graphs(folder)
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise DamagedExportError(f"The exported model in {folder} is damaged ({misread(error)}).") from error


def file_sum(file: Path) -> str:
    """The sum of a file's bytes, in hex. Raises OSError."""
    import numpy as np

    from indexer.page_sums import digest

    if not file.stat().st_size:
        return digest(np.empty(0, np.uint8)).hex()
    return digest(np.memmap(file, np.uint8, mode="r")).hex()


def with_own_sum(fields: Mapping[str, Any]) -> dict[str, Any]:
    """A description, with the sum of what it says."""
    return {**fields, _OWN_SUM: _sum_of(fields)}


def with_sums(fields: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The description of the model that ships, with the sums of its `files` in `folder` and its own. Raises OSError."""
    return with_own_sum({**fields, "sums": {name: file_sum(folder / name) for name in fields["files"]}})


def _sum_of(fields: Mapping[str, Any]) -> str:
    return json_digest({name: value for name, value in fields.items() if name != _OWN_SUM})


def _has_own_sum(fields: Mapping[str, Any]) -> bool:
    try:
        return bool(fields.get(_OWN_SUM) == _sum_of(fields))
    except ValueError:  # NaN, which nobody wrote
        return False


# -- exported on this machine -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ExportedModel:
    """What `model.json` says. `arithmetic` of each tower; `sizes` of the files in bytes, and their sums, by name."""

    identity: EncoderId
    tokens: TokenShape | None
    context_length: int
    arithmetic: dict[Tower, Arithmetic]
    sizes: dict[str, int]
    sums: dict[str, str]
    #: Path, size and time of change of the checkpoint that it was made from.
    checkpoint: tuple[str, int, int]
    #: What is done beside `tokenizer.json`; None: it is CLIP's.
    recipe: TokenizerRecipe | None = None
    #: Whether the image tower would be faster, had there been photographs to calibrate it by.
    waits_for_photographs: bool = False

    def to_json(self) -> str:
        """Indented, with the format."""
        fields = {"format": EXPORTED_FORMAT, **asdict(self), "identity": json.loads(self.identity.to_json())}
        return json.dumps(with_own_sum(fields), indent=1) + "\n"

    @classmethod
    def read(cls, folder: Path) -> ExportedModel:
        """Raises ValueError, KeyError, TypeError or OSError for what `to_json` did not write, or other files."""
        fields = json.loads((folder / EXPORTED_DESCRIPTION).read_text(encoding="utf-8"))
        if fields["format"] != EXPORTED_FORMAT:
            raise ValueError("another format")
        if not _has_own_sum(fields):
            raise ValueError("its sum is another")
        path, size, changed = fields["checkpoint"]
        tokens = fields["tokens"]
        model = cls(
            EncoderId.from_json(json.dumps(fields["identity"])),
            None if tokens is None else TokenShape(**tokens),
            int(fields["context_length"]),
            {tower: fields["arithmetic"][tower] for tower in TOWERS},
            {str(name): int(size) for name, size in fields["sizes"].items()},
            {str(name): str(found) for name, found in fields["sums"].items()},
            (str(path), int(size), int(changed)),
            None if fields["recipe"] is None else TokenizerRecipe.from_fields(fields["recipe"]),
            fields["waits_for_photographs"] is True,
        )
        if any((folder / name).stat().st_size != size for name, size in model.sizes.items()):
            raise ValueError("a file has another size")
        return model

    def graphs(self, folder: Path) -> GraphModel:
        """How to run it. 32 images: between two batches, and where one stream is through before the others, cores
        wait: 2 percent more than with 16."""
        return GraphModel(
            self.identity, self.tokens, self.context_length, self.arithmetic, {"image": "rows", "text": "rows"},
            self.recipe or "clip", unit=False, single_image=True, batch_size=32, text_batch_size=32,
            remedy=f"delete {folder}", sums=self.sums, exported=True, waits=self.waits_for_photographs,
        )  # fmt: skip


# -- the model that ships -----------------------------------------------------------------------------------


def bundled_folder() -> Path:
    """Raises EncoderUnavailableError when there is no folder of models."""
    try:
        return models_folder() / BUNDLED
    except UsageError as error:
        raise EncoderUnavailableError(str(error)) from error


def verify_bundled(folder: Path | None = None) -> list[str]:
    """Read every file of the model and compare it with its recorded SHA-256. Returns one sentence a problem.

    Raises EncoderUnavailableError when `folder` is None and there is no folder of models.
    """
    folder = folder if folder is not None else bundled_folder()
    try:
        recorded = _read_bundled(folder)["files"]
        items = sorted((str(name), str(digest)) for name, digest in recorded.items())
    except EncoderUnavailableError as error:
        return [str(error)]
    except (KeyError, AttributeError):
        return [str(_damaged(folder / BUNDLED_DESCRIPTION))]
    problems = []
    for name, digest in items:
        try:
            found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        except OSError as error:
            problems.append(f"The model file {folder / name} cannot be read ({error.strerror}); {_remedy(folder)}.")
            continue
        if found != digest:
            problems.append(str(_damaged(folder / name)))
    return problems


def weights_digest(files: dict[str, str]) -> str:
    """One SHA-256, in hex, over the recorded digests of a model's files: {name: SHA-256 in hex}."""
    lines = "".join(f"{name} {digest}\n" for name, digest in sorted(files.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def _bundled(folder: Path) -> GraphModel:
    fields = _read_bundled(folder)
    try:
        given = dict(fields["preprocessing"])
        given["mean"], given["std"] = tuple(given["mean"]), tuple(given["std"])
        weights, dimension = weights_digest(fields["files"]), int(fields["dimension"])
        name = f"{ADAPTED}:{absolute(folder)}" if fields["name"] == ADAPTED else BUNDLED
        return GraphModel(
            EncoderId(name, weights, dimension, Preprocessing(**given)), _token_shape(fields.get("tokens")),
            int(fields["max_text_tokens"]), {"image": "exact", "text": "exact"}, {"image": "pixels", "text": "ids"},
            "word pieces", unit=True, single_image=False, batch_size=16, text_batch_size=64,
            remedy=_remedy(folder), sums={name: str(fields["sums"][name]) for name in fields["files"]},
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _damaged(folder / BUNDLED_DESCRIPTION) from error


def _read_bundled(folder: Path) -> dict[str, Any]:
    file = folder / BUNDLED_DESCRIPTION
    try:
        fields = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise EncoderUnavailableError(
            f"The {BUNDLED if _ships(folder) else ADAPTED} model is missing: {file} cannot be read ({error.strerror}); "
            f"{_remedy(folder)}."
        ) from error
    except ValueError as error:
        raise _damaged(file) from error
    if not isinstance(fields, dict):
        raise _damaged(file)
    if fields.get("format") != BUNDLED_FORMAT:
        raise EncoderUnavailableError(
            f"The model in {folder} has format {fields.get('format')!r} and this version reads {BUNDLED_FORMAT}; "
            + ("install the package and its models in one version." if _ships(folder) else f"{_remedy(folder)}.")
        )
    if not _has_own_sum(fields):
        raise _damaged(file)
    return fields


def _token_shape(given: Any) -> TokenShape | None:
    if given is None:
        return None
    if not all(type(number) is int and number > 0 for number in given.values()):
        raise ValueError("The shape of tokens takes positive whole numbers.")
    return TokenShape(**given)


def _damaged(file: Path) -> EncoderUnavailableError:
    return EncoderUnavailableError(f"The model file {file} is damaged; {_remedy(file.parent)}.")


def _ships(folder: Path) -> bool:
    return folder.name == BUNDLED


def _remedy(folder: Path) -> str:
    return "install the package again" if _ships(folder) else "train it again"
