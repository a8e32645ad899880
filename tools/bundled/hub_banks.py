"""The banks that hubs are known by: vectors of photographs, of captions of `train` and the pool, and of phrases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from search.calibration.short_queries import short_queries
from tools.bundled.datasets import PREPROCESSING, read_captions
from tools.bundled.hubs import Hubs, HubSettings, fit_nearness, nearness
from tools.bundled.onnx_export import ImageGraph, TextGraph
from tools.bundled.pack import CAPTIONED, UNLABELLED, Pack, text_pool
from tools.bundled.words import token_ids

#: Of captions without photographs, one of so many.
POOL_STEP: Final = 2
#: Phrases are made of one of so many photographs' captions, at most so many of each source.
PHRASE_STEP: Final = 3
MOST_PHRASES: Final = 2500


@dataclass(frozen=True, slots=True)
class Banks:
    """`images` (n, d), `texts` (m, d), `phrases` (p, d), unit norm; `owners` (m,) int64 each text's image, or -1."""

    images: Tensor
    texts: Tensor
    owners: Tensor
    phrases: Tensor


def banks(pack: Pack, data: Path, image: ImageGraph, text: TextGraph, sources: Sequence[str]) -> Banks:
    """What the graphs say, without hubs taken off, of what may be trained on. Minutes on a CPU."""
    rows = np.concatenate([*(pack.rows(source, split="train") for source in sources), pack.rows(UNLABELLED)])
    place = np.full(len(pack.photographs), -1)
    place[rows] = np.arange(len(rows))
    known = place[pack.owners] >= 0
    pool = pack.pool[::POOL_STEP]
    owners = np.concatenate([place[pack.owners[known]], np.full(len(pool), -1)])
    return Banks(
        _images(pack, image, rows),
        _texts(text, np.concatenate([pack.captions[known], pool])),
        torch.from_numpy(owners.astype(np.int64)),
        _texts(text, token_ids(phrases(data, sources))),
    )


def phrases(data: Path, sources: Sequence[str]) -> list[str]:
    """Short everyday queries, made of captions of `train` and of the pool."""
    known = [source for source, _ in CAPTIONED if source in sources and source != "cc3m_sample"]  # one caption each
    told = [list(row.captions) for source in known for row in read_captions(data / source, "train")]
    apart = {
        caption for source, _ in CAPTIONED for row in read_captions(data / source, "val") for caption in row.captions
    }
    pool = text_pool(data, apart)
    parts = (told[::PHRASE_STEP], pool[::PHRASE_STEP])
    return [one.text for part in parts for one in short_queries(part, MOST_PHRASES, seed=2)]


def hubs_of(found: Banks, settings: HubSettings) -> Hubs:
    """Fitted to these banks; what belongs to a photograph is no part of its bank, and the other way round."""
    own = torch.arange(len(found.images))
    s = settings
    captions = nearness(found.images, found.texts, s.caption_sharpness, own, found.owners)
    short = nearness(found.images, found.phrases, s.phrase_sharpness)
    images = nearness(found.texts, found.images, s.photograph_sharpness, found.owners, own)
    more = nearness(found.phrases, found.images, s.photograph_sharpness)
    return Hubs(
        fit_nearness(found.images, captions, found.texts, s.centres, s.caption_sharpness),
        fit_nearness(found.images, short, found.phrases, s.phrase_centres, s.phrase_sharpness),
        fit_nearness(
            torch.cat([found.texts, found.phrases]),
            torch.cat([images, more]),
            found.images,
            s.centres,
            s.photograph_sharpness,
        ),
        settings,
    ).eval()


@torch.inference_mode()
def _images(pack: Pack, graph: ImageGraph, rows: npt.NDArray[np.int64]) -> Tensor:
    found = []
    for start in range(0, len(rows), 1024):
        pixels = torch.from_numpy(pack.pixels(rows[start : start + 1024], PREPROCESSING))
        found += [graph(part)[0] for part in torch.split(pixels, 64)]
    return torch.cat(found)


@torch.inference_mode()
def _texts(graph: TextGraph, ids: npt.NDArray[np.int16]) -> Tensor:
    lengths = (ids != 0).sum(1)
    order = np.argsort(lengths, kind="stable")
    found = torch.empty(0)
    for start in range(0, len(order), 256):
        part = order[start : start + 256]
        said = graph(torch.from_numpy(ids[part][:, : lengths[part].max()]).long())[0]
        found = torch.empty(len(ids), said.shape[1]) if not len(found) else found
        found[torch.from_numpy(part)] = said
    return found
