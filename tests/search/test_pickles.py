"""Whatever a store holds, nothing that was pickled runs."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path

import numpy as np
import pytest

from indexer.encoders.base import TokenShape
from indexer.errors import UsageError
from indexer.progress import Silent
from indexer.training.checkpoints import Checkpoints
from indexer.vectors.backends.faiss_files.flat_file import read_flat
from search.classification.probe_file import load
from search.rerank.caption_tokens import caption_tokens
from tests.fixtures.colour_encoder import ColourTokenEncoder


class Evil:
    """Makes a file where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = str(mark)

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (self.mark, "w")


def test_no_pickle_in_a_store_runs(tmp_path: Path) -> None:
    import torch

    mark = tmp_path / "mark"
    evil = np.array([Evil(mark)], object)
    np.save(tmp_path / "image-1-00.npy", evil, allow_pickle=True)
    np.savez(tmp_path / "captions.npz", key=evil, vectors=evil, words=evil, offsets=evil)
    torch.save({"fingerprint": "f", "state": Evil(mark)}, tmp_path / "raw")
    data = (tmp_path / "raw").read_bytes()
    (tmp_path / "pass-0001.pt").write_bytes(hashlib.sha256(data).digest() + data)

    with pytest.raises(ValueError, match="no flat index"):
        read_flat(tmp_path / "image-1-00.npy")
    (tmp_path / "p.safetensors").write_bytes(pickle.dumps(Evil(mark)))
    with pytest.raises(UsageError, match="is damaged"):
        load(tmp_path / "p.safetensors")
    state, notes = Checkpoints(tmp_path, "f").load()
    assert state is None
    assert len(notes) == 1
    encoder = ColourTokenEncoder()
    assert isinstance(encoder.token_shape, TokenShape)
    vectors, _, _ = caption_tokens(["red"], {}, encoder, tmp_path, Silent())
    assert vectors.shape == (1, 4)
    assert not mark.exists()
    pickle.loads(pickle.dumps(Evil(mark))).close()
    assert mark.exists()
