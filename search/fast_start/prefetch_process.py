"""The text of a query encoded in a forked process: on two cores, loading a runtime and importing a database toolkit
take the time of the longer one.

    child:   load the encoder, encode the text --pipe--> one line of JSON, then the arrays' bytes
    parent:  imports, opens the catalog --get--> `PrefetchedEncoder`, an encoder that knows one text

The child writes only what it can also finish; whatever goes wrong in it, the parent loads the encoder itself and meets
the same trouble in the ordinary way. It holds none of the parent's outputs, so nobody waits for it.
"""

from __future__ import annotations

import json
import os
import signal
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from indexer.encoders.base import Encoded, Encoder, EncoderId, TokenShape

if TYPE_CHECKING:
    from indexer.types import Float32, Int8, Pixels, Texts


@dataclass(frozen=True, slots=True)
class EncodedText:
    """What an encoder says of a text: `vector` (d,) float32, unit norm; `tokens` (t, width) int8 where it has them."""

    text: str
    identity: EncoderId
    max_text_tokens: int
    count: int
    vector: Float32
    shape: TokenShape | None
    tokens: Int8 | None
    words: list[str]

    def to_bytes(self) -> bytes:
        """A line of JSON, the vector, the tokens."""
        said = {
            "text": self.text, "identity": self.identity.to_json(), "max_text_tokens": self.max_text_tokens,
            "count": self.count, "shape": None if self.shape is None else asdict(self.shape), "words": self.words,
        }  # fmt: skip
        tokens = b"" if self.tokens is None else self.tokens.tobytes()
        return json.dumps(said).encode() + b"\n" + self.vector.tobytes() + tokens

    @classmethod
    def from_bytes(cls, data: bytes) -> EncodedText:
        """Read what `to_bytes` wrote. Raises ValueError, KeyError or TypeError on anything else."""
        line, _, arrays = data.partition(b"\n")
        said: dict[str, Any] = dict(json.loads(line))
        identity = EncoderId.from_json(said.pop("identity"))
        shape = None if said["shape"] is None else TokenShape(**said["shape"])
        size = 4 * identity.dimension
        vector = np.frombuffer(arrays[:size], np.float32, identity.dimension)
        tokens = None
        if shape is not None:
            tokens = np.frombuffer(arrays[size:], np.int8).reshape(len(said["words"]), shape.width)
        return cls(**{**said, "identity": identity, "shape": shape, "vector": vector, "tokens": tokens})


class PrefetchedEncoder:
    """An `Encoder` that knows one text already; for all else it loads the encoder that it stands for."""

    def __init__(self, known: EncodedText, device: str | None) -> None:
        self._known = known
        self._device = device
        self._loaded: Encoder | None = None

    @property
    def identity(self) -> EncoderId:
        return self._known.identity

    @property
    def batch_size(self) -> int:
        return self._encoder().batch_size

    @property
    def text_batch_size(self) -> int:
        return self._encoder().text_batch_size

    @property
    def max_text_tokens(self) -> int:
        return self._known.max_text_tokens

    @property
    def token_shape(self) -> TokenShape | None:
        return self._known.shape

    @property
    def independent_rows(self) -> bool:
        return self._encoder().independent_rows

    def encode_texts(self, texts: Texts, *, tokens: bool = False) -> Encoded:
        if isinstance(texts, str) or list(texts) != [self._known.text]:
            return self._encoder().encode_texts(texts, tokens=tokens)
        known = [self._known.tokens] if tokens and self._known.tokens is not None else None
        return Encoded(self._known.vector[None], known)

    def encode_images(self, pixels: Pixels, *, tokens: bool = False) -> Encoded:
        return self._encoder().encode_images(pixels, tokens=tokens)

    def words(self, text: str) -> list[str]:
        return list(self._known.words) if text == self._known.text else self._encoder().words(text)

    def count_tokens(self, text: str) -> int:
        return self._known.count if text == self._known.text else self._encoder().count_tokens(text)

    def _encoder(self) -> Encoder:
        if self._loaded is None:
            from indexer.encoders.registry import load_encoder

            self._loaded = load_encoder(self.identity.name, self._device, stored=self.identity)
        return self._loaded


class EarlyProcess:
    """Forks; see the top of this file. The process that calls this must have no other thread."""

    def __init__(self, folder: Path, text: str, device: str | None) -> None:
        self._device = device
        self._pipe, answer = os.pipe()
        self._child: int | None = os.fork()
        if self._child == 0:
            os.close(self._pipe)
            _work(folder, text, device, answer)
        os.close(answer)

    def get(self, stored: EncoderId | None) -> Encoder | None:
        """The encoder, when it is that of the catalog."""
        if self._child is None or stored is None:
            return None
        with open(self._pipe, "rb") as pipe:
            data = pipe.read()
        os.waitpid(self._child, 0)
        self._child = None
        try:
            known = EncodedText.from_bytes(data)
        except (ValueError, KeyError, TypeError):  # it did not come to an end
            return None
        return PrefetchedEncoder(known, self._device) if known.identity.matches(stored) else None


def _work(folder: Path, text: str, device: str | None, answer: int) -> NoReturn:
    """In the child: never returns into the caller's code, and runs none of its clean-up."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nothing, stream)
        from indexer.encoder_hint import read_encoder_hint
        from indexer.encoders.registry import load_encoder

        noted = read_encoder_hint(folder)
        if noted is not None:
            with open(answer, "wb") as pipe:
                pipe.write(encode_text(load_encoder(noted.name, device, stored=noted), text).to_bytes())
    finally:
        os._exit(0)


def encode_text(encoder: Encoder, text: str) -> EncodedText:
    """Everything that a query wants to know of its text."""
    encoded = encoder.encode_texts([text], tokens=True)
    return EncodedText(
        text,
        encoder.identity,
        encoder.max_text_tokens,
        encoder.count_tokens(text),
        encoded.vectors[0],
        encoder.token_shape,
        encoded.tokens[0] if encoded.tokens else None,
        encoder.words(text),
    )
