"""What an encoder is: the protocol, its identity, and the pixels it wants."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Literal, Protocol, runtime_checkable

from indexer.types import Float32, Int8, Pixels, Texts

ResizeMode = Literal["squash", "shortest", "longest"]
Interpolation = Literal["bilinear", "bicubic"]


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
        """Read what `to_json` wrote. Raises ValueError, KeyError or TypeError on anything else."""
        fields = json.loads(text)
        preprocessing = fields["preprocessing"]
        preprocessing["mean"] = tuple(preprocessing["mean"])
        preprocessing["std"] = tuple(preprocessing["std"])
        return cls(fields["name"], fields["weights"], fields["dimension"], Preprocessing(**preprocessing))


class Encoder(Protocol):
    """Maps images and texts into one space, where the inner product says how well they match.

    Encoding is a pure function of its input and the identity. A row never depends on what the other rows hold;
    its last bits may depend on how many rows there are, so the pipeline always sends full batches of `batch_size`,
    but to a `RowEncoder`. Safe to call from several threads.
    """

    @property
    def identity(self) -> EncoderId:
        """What made the vectors."""
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
    def max_text_tokens(self) -> int:
        """Texts are cut after this many tokens."""
        ...

    def encode_images(self, pixels: Pixels) -> Float32:
        """`pixels`: (n, height, width, 3) uint8 RGB, as `identity.preprocessing` says.

        Returns (n, d) float32, unit norm.
        """
        ...

    def encode_texts(self, texts: Texts) -> Float32:
        """Returns (n, d) float32, unit norm. Captions and queries alike; any template is the encoder's own matter."""
        ...

    def count_tokens(self, text: str) -> int:
        """How many tokens `text` has before it is cut."""
        ...


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


@runtime_checkable
class TokenEncoder(Encoder, Protocol):
    """An encoder that also says what is where in an image, and what each word of a text stands for.

    Its vectors are those of `encode_images` and `encode_texts`, from the same pass. A row's tokens depend on that row
    alone, as its vector does.
    """

    @property
    def token_shape(self) -> TokenShape | None:
        """None for a model of this kind that has no tokens to give."""
        ...

    def encode_images_with_tokens(self, pixels: Pixels) -> tuple[Float32, Int8]:
        """`pixels` as for `encode_images`. Returns (n, d) float32, unit norm, and (n, regions, width) int8."""
        ...

    def encode_texts_with_tokens(self, texts: Texts) -> tuple[Float32, list[Int8]]:
        """Returns (n, d) float32, unit norm, and for each text (t, width) int8, 1 <= t <= words."""
        ...

    def words(self, text: str) -> list[str]:
        """What a person reads as each word token of `text`, in the same order and number."""
        ...


def token_encoder(encoder: Encoder) -> TokenEncoder | None:
    """`encoder` when it yields tokens, else None."""
    return encoder if isinstance(encoder, TokenEncoder) and encoder.token_shape is not None else None


@runtime_checkable
class RowEncoder(Encoder, Protocol):
    """An encoder that runs each row by itself: of two rows or more, each gives what it would give among any others, to
    the last bit."""

    def load_image_tower(self) -> None:
        """Make ready what `encode_images` needs, ahead of the first image. Raises EncoderUnavailableError."""
        ...
