"""What an encoder is: the protocol, its identity, the pixels it wants, and what it gives."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Final, Literal, Protocol, get_args, runtime_checkable

from indexer.types import Float32, Int8, Kind, Pixels, Texts

ResizeMode = Literal["squash", "shortest", "longest"]
Interpolation = Literal["bilinear", "bicubic"]

#: Pixels of a side, numbers of a vector: what is above was not written by us.
LARGEST: Final = 16_384


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How a photograph becomes the encoder's input of `height` x `width` RGB pixels.

    `resize`: "squash" scales both sides to the target (nothing is cut, the aspect ratio is not kept); "shortest"
    scales the shorter side to the target and cuts the centre out (CLIP); "longest" scales the longer side and
    pads with `fill` (0 to 255). `mean` and `std` are per channel on the scale 0 to 1; the encoder applies them.
    """

    height: int
    width: int
    resize: ResizeMode
    interpolation: Interpolation
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    fill: int = 0


#: Asked for by an encoder that is calibrated with what it will encode: some photographs as it wants them, (n, h, w, 3)
#: uint8. There may be few, or none.
Photographs = Callable[[Preprocessing], Pixels]


@dataclass(frozen=True, slots=True)
class EncoderId:
    """What made a vector. Vectors of two encoders are comparable only when their identities match.

    `name` is what `--encoder` takes ("bundled", "open_clip:ViT-B-32/laion2b_s34b_b79k"), `weights` the SHA-256 of
    the weights, `dimension` the length of a vector. Every encoder's vectors are of unit norm.
    """

    name: str
    weights: str
    dimension: int
    preprocessing: Preprocessing

    def matches(self, other: EncoderId) -> bool:
        """Whether vectors of both are comparable: all but the name is equal (a model file may have moved)."""
        return (self.weights, self.dimension, self.preprocessing) == (
            other.weights,
            other.dimension,
            other.preprocessing,
        )

    def to_json(self) -> str:
        """One line of JSON, the same for equal identities."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> EncoderId:
        """Read what `to_json` wrote. Raises ValueError on anything else."""
        try:
            fields = json.loads(text)
            preprocessing = dict(fields["preprocessing"])
            preprocessing |= {name: tuple(preprocessing[name]) for name in ("mean", "std")}
            read = cls(fields["name"], fields["weights"], fields["dimension"], Preprocessing(**preprocessing))
            if read._is_possible():
                return read
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ValueError(f"no identity of an encoder: {text[:80]}") from error
        raise ValueError(f"no identity of an encoder: {text[:80]}")

    def _is_possible(self) -> bool:
        """Whether every value has its type and a size that an encoder can have."""
        wanted = self.preprocessing
        numbers = (*wanted.mean, *wanted.std)
        return (
            isinstance(self.name, str)
            and isinstance(self.weights, str)
            and all(type(side) is int and 0 < side <= LARGEST for side in (self.dimension, wanted.height, wanted.width))
            and wanted.resize in get_args(ResizeMode)
            and wanted.interpolation in get_args(Interpolation)
            and len(wanted.mean) == len(wanted.std) == 3
            and all(type(number) in (int, float) and abs(number) < LARGEST for number in numbers)
            and type(wanted.fill) is int
            and 0 <= wanted.fill <= 255
        )


@dataclass(frozen=True, slots=True)
class TokenShape:
    """The tokens that an encoder yields beside its vectors, for rerankers.

    An image has `rows` x `columns` region tokens, a grid over the encoder's input, row by row from the top left; a text
    has one word token a word piece, at most `words`. Each is `width` numbers in int8: a unit vector times 127. `recipe`
    grows when tokens of the same weights are made in another way.
    """

    rows: int
    columns: int
    words: int
    width: int
    recipe: int = 1

    @property
    def regions(self) -> int:
        """Tokens of an image."""
        return self.rows * self.columns


@dataclass(frozen=True, slots=True)
class Encoded:
    """What an encoder made of n images or texts, in their order.

    `vectors`: (n, d) float32, unit norm. `tokens`: of each an array (t, width) int8, t = regions of an image and
    1 <= t <= words of a text (`TokenShape`); None unless they were asked for and the encoder yields them.
    """

    vectors: Float32
    tokens: Sequence[Int8] | None = None


class Encoder(Protocol):
    """Maps images and texts into one space, where the inner product says how well they match.

    Encoding is a pure function of its input and the identity. A row never depends on what the other rows hold; its last
    bits may depend on how many rows there are, unless `independent_rows` (`batches.py` sends batches that are right for
    both). Vectors are the same with tokens and without. Safe to call from several threads.

    One that knows which words it cannot read has a method `unread(text) -> list[str]` besides: those of `text` that its
    vocabulary or language does not cover, in their order (`indexer/encoders/coverage.py`), and may have
    `suggested(word) -> str | None`: what was meant by one of these. One that is asked for a bare
    class name in prompt templates has an attribute `templates`, a sequence of str with "{}" for the name
    (`indexer/encoders/templates.py`).
    """

    @property
    def identity(self) -> EncoderId:
        """What made the vectors."""
        ...

    @property
    def token_shape(self) -> TokenShape | None:
        """None for an encoder that yields no tokens."""
        ...

    @property
    def batch_size(self) -> int:
        """How many images make a full batch on this machine."""
        ...

    @property
    def text_batch_size(self) -> int:
        """How many texts make a full batch on this machine."""
        ...

    @property
    def independent_rows(self) -> bool:
        """Whether a row of a batch of two or more has the same bits in a batch of any other size."""
        ...

    @property
    def max_text_tokens(self) -> int:
        """Texts are cut after this many tokens."""
        ...

    def encode_images(self, pixels: Pixels, *, tokens: bool = False) -> Encoded:
        """`pixels`: (n, height, width, 3) uint8 RGB, as `identity.preprocessing` says. `tokens`: region tokens too."""
        ...

    def encode_texts(self, texts: Texts, *, tokens: bool = False) -> Encoded:
        """Captions and queries alike; any template is the encoder's own matter. `tokens`: word tokens too."""
        ...

    def words(self, text: str) -> list[str]:
        """What a person reads as each word token of `text`, in their order; [] of an encoder without tokens."""
        ...

    def count_tokens(self, text: str) -> int:
        """How many tokens `text` has before it is cut."""
        ...


@runtime_checkable
class MapsVectors(Protocol):
    """An `Encoder` whose vectors follow from those of another one, and whose tokens are that one's: a store that has
    these need read nothing to go over to it."""

    @property
    def base(self) -> EncoderId:
        """The other one."""
        ...

    def of_base(self, vectors: Float32, kind: Kind) -> Float32:
        """(n, d) float32, unit norm, of the same n contents; `vectors` (n, d) are the base's. Raises EncoderError."""
        ...
