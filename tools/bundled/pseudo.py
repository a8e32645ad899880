"""Captions for photographs that have none, out of a pool of captions that have no photograph."""

from __future__ import annotations

import numpy as np
import torch

from tools.bundled.align import Branch
from tools.bundled.corpus import Corpus, Ints
from tools.bundled.judge import image_vectors, text_vectors

#: A text and a photograph belong together when each is among so many nearest of the other.
NEAREST_TEXTS = 20
NEAREST_PHOTOGRAPHS = 5
#: Texts of a photograph, at most.
KEPT = 4


@torch.inference_mode()
def pseudo_captions(branch: Branch, corpus: Corpus, rows: Ints) -> Ints:
    """Set `corpus.texts_of` of those of `rows` that have mutual nearest neighbours in the pool. Returns these rows.

    Scores are standardised by each text's mean over the photographs first: texts that suit everything suit nothing.
    """
    u = image_vectors(branch, corpus, rows)[0]  # (pairs, n, space)
    v = text_vectors(branch, corpus.ids[torch.from_numpy(corpus.pool).to(corpus.device)])  # (pairs, m, space)
    images, texts = torch.cat(list(u), dim=1), torch.cat(list(v), dim=1)
    scores = images @ texts.T  # (n, m)
    scores = scores - scores.mean(0, keepdim=True)
    least_of_texts = scores.topk(min(NEAREST_PHOTOGRAPHS, len(rows)), dim=0).values[-1]  # (m,)
    best = scores.topk(min(NEAREST_TEXTS, scores.shape[1]), dim=1)
    mutual = best.values >= least_of_texts[best.indices]  # (n, 20)
    found = []
    indices, kept = best.indices.cpu().numpy(), mutual.cpu().numpy()
    for place, row in enumerate(rows):
        chosen = indices[place][kept[place]][:KEPT]
        if len(chosen):
            corpus.texts_of[row] = corpus.pool[chosen]
            found.append(row)
    return np.array(found, np.int64)
