"""What a branch in training is worth on the photographs to choose by, as the exported graphs will say it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from indexer.metrics import Relevance, average_precisions
from indexer.training.clusters import centres
from tools.bundled.align import Branch
from tools.bundled.branch import keep_axes, project
from tools.bundled.class_channel import ClassChannel
from tools.bundled.corpus import Corpus, Ints
from tools.bundled.everyday import everyday_numbers
from tools.bundled.heads import HeadSettings
from tools.bundled.join import Join, JoinSettings
from tools.bundled.pack import LABELLED
from tools.bundled.retrieval import label_ranks, pair_recalls

CAPTIONED = ("flickr8k", "coco_captioned")
#: Photographs whose vectors the principal axes are taken from.
AXES_FROM = 3000


@torch.inference_mode()
def image_vectors(branch: Branch, corpus: Corpus, rows: Ints, size: int = 256) -> tuple[Tensor, Tensor, Tensor]:
    """Vectors (pairs, n, space), the class channel's logits (n, 1000) and those as published."""
    found = []
    for start in range(0, len(rows), size):
        colours = corpus.shown(rows[start : start + size]).permute(0, 3, 1, 2).float()
        low, trunk = branch.trunks(colours)
        found.append((branch.image_side(trunk)[0], branch.class_logits(trunk), branch.published_logits(low)))
    return (
        torch.cat([one[0] for one in found], 1),
        torch.cat([one[1] for one in found]),
        torch.cat([one[2] for one in found]),
    )


@torch.inference_mode()
def text_vectors(branch: Branch, ids: Tensor, size: int = 2048) -> Tensor:
    """(pairs, n, space)."""
    return torch.cat([branch.text_side(part)[0] for part in torch.split(ids, size)], dim=1)


@torch.inference_mode()
def set_axes(branch: Branch, corpus: Corpus, sources: tuple[str, ...], dimension: int) -> None:
    """Keep the widest axes of the vectors of some photographs and captions of `train`."""
    rows = np.concatenate([corpus.rows[source, "train"] for source in sources])
    rows = rows[:: max(1, len(rows) // AXES_FROM)]
    u = image_vectors(branch, corpus, rows)[0]
    firsts = torch.from_numpy(np.array([corpus.texts_of[row][0] for row in rows])).to(corpus.device)
    keep_axes(branch.image, branch.text, u.clone(), text_vectors(branch, corpus.ids[firsts]).clone(), dimension)


@torch.inference_mode()
def join_of(corpus: Corpus, sources: tuple[str, ...], settings: JoinSettings) -> Join:
    """The class channel, from the names alone, and how much it weighs for which text."""
    texts = corpus.sentences[corpus.training_texts(sources)]
    mean = texts.mean(0)
    channel = ClassChannel(
        corpus.pack.classes, settings.class_temperature, settings.class_dimension, settings.class_whitening
    )
    clusters = centres(F.normalize(texts - mean, dim=-1), min(settings.caption_clusters, len(texts)))
    return Join(channel.to(corpus.device), mean, clusters.T.contiguous(), settings).eval()


@torch.inference_mode()
def judge(branch: Branch, join: Join, corpus: Corpus) -> dict[str, Any]:
    """Numbers of `val` and of the labelled photographs to choose by, in percent. `branch` in evaluation mode."""

    def images(rows: Ints) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], float, float]:
        u, logits, published = image_vectors(branch, corpus, rows)
        learned = project(u, branch.image.axes)
        near = (join.channel.image(logits) * join.channel.image(published)).sum(1).mean()
        same = (logits.argmax(1) == published.argmax(1)).float().mean()
        return join.image(learned, logits).cpu().numpy(), learned.cpu().numpy(), float(near), float(same)

    def texts(ids: Tensor) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        learned = project(text_vectors(branch, ids), branch.text.axes)
        return join.text(learned, branch.published_sentences(ids)).cpu().numpy(), learned.cpu().numpy()

    found: dict[str, Any] = {}
    gallery = []
    for source in CAPTIONED:
        rows = corpus.rows[source, "val"]
        joined, learned, near, same = images(rows)
        gallery.append(joined)
        own = np.concatenate([corpus.texts_of[row] for row in rows])
        owners = np.repeat(np.arange(len(rows)), [len(corpus.texts_of[row]) for row in rows])
        said, said_learned = texts(corpus.ids[torch.from_numpy(own).to(corpus.device)])
        for name, (a, b) in {"": (joined, said), " learned": (learned, said_learned)}.items():
            forward, back = pair_recalls(a, b, owners)
            found[f"{source}{name}"] = [round(value, 2) for value in (*forward, *back)]
        found[f"{source} class"] = [round(100 * near, 2), round(100 * same, 2)]
    for source, split, _ in LABELLED:
        rows = corpus.rows[source, split]
        joined, _, near, same = images(rows)
        ids = torch.from_numpy(corpus.pack.name_ids[source]).long().to(corpus.device)
        labels = np.array([corpus.pack.photographs[row].label for row in rows])
        present, labels = np.unique(labels, return_inverse=True)
        ranks = label_ranks(texts(ids[torch.from_numpy(present).to(corpus.device)])[0], joined, labels.astype(np.int64))
        found[source] = round(float(100 * average_precisions(ranks).mean()), 2)
        found[f"{source} class"] = [round(100 * near, 2), round(100 * same, 2)]
    found["everyday"] = [round(value, 2) for value in _everyday(corpus, np.concatenate(gallery), texts)]
    return found


def _everyday(corpus: Corpus, gallery: np.ndarray[Any, Any], texts: Any) -> tuple[float, float, float]:
    """Queries whose right photographs are among those that were kept."""
    rows = np.concatenate([corpus.rows[source, "val"] for source in CAPTIONED])
    place = {int(row): index for index, row in enumerate(rows)}
    pairs = np.array([(q, place[int(row)]) for q, row in corpus.pack.answers if int(row) in place], np.int64)
    asked, queries = np.unique(pairs[:, 0], return_inverse=True)
    ids = torch.from_numpy(corpus.pack.everyday[asked]).long().to(corpus.device)
    relevance = Relevance.of_pairs(queries.astype(np.int64), pairs[:, 1], len(asked))
    return everyday_numbers(texts(ids)[0], gallery, relevance)


def prepare(branch: Branch, corpus: Corpus, sources: tuple[str, ...], head: HeadSettings) -> None:
    """Evaluation mode, and the axes of what it says now."""
    branch.eval()
    set_axes(branch, corpus, sources, head.dimension)
