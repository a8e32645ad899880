"""How much memory a run has for the files that it reads and decodes."""

from __future__ import annotations

from indexer.encoders import batches
from indexer.encoders.base import Encoder
from indexer.memory import RESERVE, Room, held, process_limit, room

#: With so much free, what an encoder takes once it works need not be known: this is kept for it.
_PLENTY = 4_000_000_000
_FOR_ENCODER = 1_500_000_000

#: Copies of a batch's pixels on the way into a model, floating point among them.
_COPIES = 8


def room_for_files(encoder: Encoder, ahead: int) -> Room:
    """What all files together may take while they are read and decoded, where up to `ahead` decoded ones wait.

    Where there is little, the encoder is put to work once before, so that what it holds is there to be counted.
    Raises UsageError, EncoderError.
    """
    wanted = encoder.identity.preprocessing
    pixels = 3 * wanted.width * wanted.height
    waiting = pixels * (ahead + _COPIES * encoder.batch_size) + RESERVE
    if process_limit() - held() >= _PLENTY:
        return room(_FOR_ENCODER + waiting)
    batches.try_out(encoder)
    return room(waiting)
