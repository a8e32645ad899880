"""IPTC-IIM: captions, keywords and dates as newsrooms and older photo managers write them (IIM 4.2, record 2)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from indexer.text import decode_text

_TITLE, _KEYWORD, _CAPTION = 5, 25, 120
_CREATED, _CREATED_TIME, _DIGITIZED, _DIGITIZED_TIME = 55, 60, 62, 63
_UTF8 = b"\x1b%G"  # ISO 2022 escape in 1:90, "coded character set"


@dataclass(frozen=True, slots=True)
class IptcTexts:
    """As they stand in the block, not cleaned."""

    captions: tuple[str, ...] = ()  # 2:120 caption/abstract, then 2:05 object name
    keywords: tuple[str, ...] = ()  # 2:25
    times: tuple[tuple[str, str], ...] = ()  # date and time: 2:55 with 2:60 (created), 2:62 with 2:63 (digitized)


def read_iptc(block: bytes) -> IptcTexts:
    """The texts in an IPTC block; what is damaged is left out. Never raises.

    Text is UTF-8 where 1:90 says so or where it is valid UTF-8, else Latin-1.
    """
    texts = (_CAPTION, _TITLE, _KEYWORD, _CREATED, _CREATED_TIME, _DIGITIZED, _DIGITIZED_TIME)
    found: dict[int, list[str]] = {dataset: [] for dataset in texts}
    utf8 = False
    for record, dataset, value in _datasets(block):
        if (record, dataset) == (1, 90):
            utf8 = value == _UTF8
        elif record == 2 and dataset in found:
            found[dataset].append(value.decode("utf-8", "replace") if utf8 else decode_text(value))
    pairs = ((_CREATED, _CREATED_TIME), (_DIGITIZED, _DIGITIZED_TIME))
    times = tuple((found[day][0], (*found[time], "")[0]) for day, time in pairs if found[day])
    return IptcTexts((*found[_CAPTION], *found[_TITLE]), tuple(found[_KEYWORD]), times)


def _datasets(block: bytes) -> Iterator[tuple[int, int, bytes]]:
    """(record, data set, value) of each entry: 0x1C, record, data set, two bytes of length, value."""
    position = 0
    while position + 5 <= len(block) and block[position] == 0x1C:
        record, dataset = block[position + 1], block[position + 2]
        length = int.from_bytes(block[position + 3 : position + 5], "big")
        position += 5
        if length & 0x8000:  # extended: this many bytes hold the real length
            size = length & 0x7FFF
            length = int.from_bytes(block[position : position + size], "big") if size <= 4 else len(block)
            position += size
        if position + length > len(block):
            return
        yield record, dataset, block[position : position + length]
        position += length
