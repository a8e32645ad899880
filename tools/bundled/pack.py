"""Everything that training needs, in one folder that can be carried to another machine: photographs, texts, towers.

    python -m tools.bundled.pack --data FOLDER --out PACK [--megabytes 220]

`--data` holds `flickr8k/`, `coco_captioned/`, `cc3m_sample/`, `coco_unlabelled/`, `caltech101/`, `clothing_small/` and
`coco_text_pool.jsonl`. No photograph and no text of a `test` split is packed. Caltech-101 and clothing are there to
choose by, never to train on. The unlabelled photographs come last, as many as fit.

    photographs-NN.bin    the files as they are, one after another
    texts.safetensors     token ids (n, 32) int16 of captions, pool, names and everyday queries, and whose they are
    towers.safetensors    published weights of both towers, float16
    pack.json             where each photograph lies, its source and split; names; format
"""

from __future__ import annotations

import argparse
import io
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from safetensors.numpy import load_file, save_file
from torch import Tensor

from indexer.encoders.base import Preprocessing
from indexer.images.preprocess import to_pixels
from indexer.types import Pixels
from tools.bundled.class_channel import class_embeddings, class_names
from tools.bundled.datasets import Row, read_captions
from tools.bundled.everyday import QUERIES, right_answers
from tools.bundled.towers import TextTower, load_image_tower, load_text_tower, save_towers
from tools.bundled.words import CAPTION_TOKENS, token_ids

FORMAT: Final = 1
#: Captioned photographs: folder and the splits that are taken.
CAPTIONED: Final = (("flickr8k", ("train", "val")), ("coco_captioned", ("train", "val")), ("cc3m_sample", ("train",)))
#: Labelled ones, to choose by: folder, split, and one of how many.
LABELLED: Final = (("caltech101", "train", 5), ("clothing_small", "val", 1))
UNLABELLED: Final = "coco_unlabelled"
CHUNK: Final = 24_000_000
Int16 = npt.NDArray[np.int16]
Int32 = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Photograph:
    """One photograph and where its file lies: `chunk` number, `start`, `size` in bytes. `label`: index of its name."""

    source: str
    split: str
    name: str
    chunk: int
    start: int
    size: int
    label: int = -1


class Pack:
    """What `write_pack` wrote to `folder`."""

    def __init__(self, folder: Path) -> None:
        fields = json.loads((folder / "pack.json").read_text(encoding="utf-8"))
        if fields["format"] != FORMAT:
            raise ValueError(f"{folder} has format {fields['format']}, not {FORMAT}; pack again.")
        self.folder = folder
        self.chunks = len(list(folder.glob("photographs-*.bin")))
        self.photographs = [Photograph(*row) for row in fields["photographs"]]
        self.names: dict[str, list[str]] = fields["names"]
        texts = load_file(folder / "texts.safetensors")
        self.captions: Int16 = texts["captions"]  # (n, 32)
        self.owners: Int32 = texts["owners"]  # (n,) index of the photograph, ascending
        self.pool: Int16 = texts["pool"]  # (m, 32)
        self.everyday: Int16 = texts["everyday"]  # (q, 32)
        self.answers: Int32 = texts["answers"]  # (p, 2) query, photograph
        self.classes = torch.from_numpy(texts["classes"])  # (1000, 384) float32
        self.name_ids = {name: texts[f"names-{name}"] for name in self.names}

    def rows(self, *sources: str, split: str | None = None) -> npt.NDArray[np.int64]:
        """Indices of the photographs of these sources, in order; of the last files those that are there."""
        found = [
            index
            for index, one in enumerate(self.photographs)
            if one.source in sources and (split is None or one.split == split) and one.chunk < self.chunks
        ]
        return np.array(found, np.int64)

    def pixels(self, rows: Sequence[int] | npt.NDArray[np.int64], preprocessing: Preprocessing) -> Pixels:
        """Photographs as the encoder will see them: (n, height, width, 3) uint8."""
        chunks = {self.photographs[row].chunk for row in rows}
        kept = {chunk: (self.folder / chunk_name(chunk)).read_bytes() for chunk in chunks}
        found = np.empty((len(rows), preprocessing.height, preprocessing.width, 3), np.uint8)

        def read(place: int) -> None:
            one = self.photographs[rows[place]]
            with Image.open(io.BytesIO(kept[one.chunk][one.start : one.start + one.size])) as opened:
                found[place] = to_pixels(opened.convert("RGB"), preprocessing)

        with ThreadPoolExecutor() as pool:
            list(pool.map(read, range(len(rows))))
        return found


def chunk_name(number: int) -> str:
    return f"photographs-{number:02}.bin"


class _Writer:
    """Photographs, one after another, in files of about `CHUNK` bytes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.photographs: list[Photograph] = []
        self.bytes = self._chunk = 0
        self._parts: list[bytes] = []

    def add(self, row: Row, source: str, label: int = -1) -> int:
        content = row.path.read_bytes()
        start = sum(map(len, self._parts))
        if start + len(content) > CHUNK and self._parts:
            self.flush()
            start = 0
        one = Photograph(source, row.split or "", row.path.name, self._chunk, start, len(content), label)
        self.photographs.append(one)
        self._parts.append(content)
        self.bytes += len(content)
        return len(self.photographs) - 1

    def flush(self) -> None:
        if self._parts:
            (self.folder / chunk_name(self._chunk)).write_bytes(b"".join(self._parts))
            self._chunk, self._parts = self._chunk + 1, []


def text_pool(data: Path, kept_apart: set[str]) -> list[list[str]]:
    """Captions of each COCO photograph that is not here, without those whose photograph is one of `val`."""
    lines = (data / "coco_text_pool.jsonl").read_text(encoding="utf-8").splitlines()
    every: list[list[str]] = [json.loads(line)["captions"] for line in lines]
    return [captions for captions in every if not kept_apart & set(captions)]


@torch.inference_mode()
def embed(tower: TextTower, texts: list[str], size: int = 64) -> Tensor:
    """Sentence embeddings, (n, 384) float32, unit norm."""
    parts = []
    for start in range(0, len(texts), size):
        ids = torch.from_numpy(token_ids(texts[start : start + size])).long()
        parts.append(tower(ids[:, : int((ids != 0).sum(1).max())]))
    return torch.cat(parts)


def write_pack(data: Path, out: Path, megabytes: int) -> None:
    """Write the pack of `data` to `out`, about `megabytes` (of 2^20 bytes) in all."""
    out.mkdir(parents=True, exist_ok=True)
    writer = _Writer(out)
    captions: list[str] = []
    owners: list[int] = []
    names: dict[str, list[str]] = {}
    shown: list[tuple[int, Row]] = []  # the gallery of the everyday queries
    for source, splits in CAPTIONED:
        for row in read_captions(data / source):
            if row.split in splits:
                index = writer.add(row, source)
                captions += row.captions
                owners += [index] * len(row.captions)
                if row.split == "val":
                    shown.append((index, row))
    for source, split, step in LABELLED:
        rows = read_captions(data / source, split)  # type: ignore[arg-type]
        names[source] = sorted({row.captions[0] for row in rows})
        for row in rows[::step]:
            writer.add(row, source, names[source].index(row.captions[0]))
    answers = right_answers([row.captions for _, row in shown])
    pairs = [(query, shown[place][0]) for query, found in enumerate(answers) for place in found]
    kept_apart = {caption for _, row in shown for caption in row.captions}
    pool = [caption for captions_ in text_pool(data, kept_apart) for caption in captions_]
    towers = load_image_tower(), load_text_tower()
    texts: dict[str, npt.NDArray[Any]] = {
        "captions": token_ids(captions),
        "owners": np.array(owners, np.int32),
        "pool": token_ids(pool),
        "everyday": token_ids([query.text for query in QUERIES]),
        "answers": np.array(pairs, np.int32),
        "classes": class_embeddings(class_names(), lambda found: embed(towers[1], found)).numpy(),
    }
    texts |= {f"names-{name}": token_ids(found) for name, found in names.items()}
    save_file(texts, out / "texts.safetensors")
    save_towers(*towers, out / "towers.safetensors")
    spent = sum((out / name).stat().st_size for name in ("texts.safetensors", "towers.safetensors"))
    for row in read_captions(data / UNLABELLED):
        if spent + writer.bytes > megabytes * 2**20 - 2_000_000:  # pack.json is about as large
            break
        writer.add(row, UNLABELLED)
    writer.flush()
    rows_ = [[getattr(one, field) for field in one.__slots__] for one in writer.photographs]
    text = json.dumps({"format": FORMAT, "tokens": CAPTION_TOKENS, "names": names, "photographs": rows_})
    (out / "pack.json").write_text(text, encoding="utf-8")
    print(f"{len(rows_)} photographs, {len(captions)} captions, {len(pool)} texts without photographs in {out}")


def main() -> None:
    """The command above."""
    parser = argparse.ArgumentParser(description="Pack what training needs.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path(".cache/training/pack"))
    parser.add_argument("--megabytes", type=int, default=1000, help="leave out unlabelled photographs beyond this")
    given = parser.parse_args()
    write_pack(given.data, given.out, given.megabytes)


if __name__ == "__main__":
    main()
