"""rclip and clip-retrieval in environments of their own, with the same model and the same photographs as ours.

The model is ViT-B-32-256 with random weights: how fast it is does not depend on them. Nothing is fetched but packages.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sqlite3
import subprocess
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

MODEL = "ViT-B-32-256"
RCLIP = "rclip==4.0.8"
#: With what its own requirements leave open: clip's package wants pkg_resources.
CLIP_RETRIEVAL = ("clip-retrieval==2.45.0", "setuptools<81")
RCLIP_FOLDER = "ViT-B-32-256-datacomp_s34b_b86k"


@dataclass(frozen=True)
class Workshop:
    """The folder of environments, weights and photographs; what is there already is kept."""

    folder: Path
    python312: str

    @property
    def checkpoint(self) -> Path:
        return self.folder / "vit.safetensors"

    @property
    def rclip(self) -> str:
        return str(self.folder / "rclip-env" / "bin" / "rclip")

    @property
    def rclip_data(self) -> Path:
        return self.folder / "rclip-data"

    @property
    def clip_retrieval(self) -> str:
        return str(self.folder / "clip-retrieval-env" / "bin" / "clip-retrieval")

    def prepare(self, *, with_clip_retrieval: bool) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._environment("rclip-env", self.python312, RCLIP)
        if with_clip_retrieval:
            self._environment("clip-retrieval-env", sys.executable, *CLIP_RETRIEVAL)
        if not self.checkpoint.exists() or not (self.rclip_data / RCLIP_FOLDER / "textual.onnx").exists():
            # In a process of its own: what a process began with counts in the peak memory of those that it starts.
            made = multiprocessing.get_context("spawn").Process(target=self._weights)
            made.start()
            made.join()
            if made.exitcode:
                raise SystemExit("the model of random weights could not be made")

    def _environment(self, name: str, python: str, *packages: str) -> None:
        folder = self.folder / name
        if (folder / ".installed").exists():
            return
        print(f"installing {packages[0]}", flush=True)
        subprocess.run([python, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(folder / "bin" / "pip"), "install", "--quiet", *packages], check=True)
        (folder / ".installed").touch()

    def _weights(self) -> None:
        import open_clip
        import torch
        from safetensors.torch import save_file

        print("making a model of random weights, and its graphs for rclip", flush=True)
        torch.backends.mha.set_fastpath_enabled(False)
        torch.manual_seed(0)
        model = open_clip.create_model(MODEL, pretrained=None).eval().requires_grad_(False)
        save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, self.checkpoint)
        torch.save(model.state_dict(), self.checkpoint.with_suffix(".pt"))
        folder = self.rclip_data / RCLIP_FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        towers = {
            "visual": (model.encode_image, torch.randn(2, 3, 256, 256)),
            "textual": (model.encode_text, torch.zeros(2, 77, dtype=torch.long)),
        }
        for name, (encode, example) in towers.items():
            tower = torch.nn.Module()
            tower.model = model
            tower.forward = encode
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                torch.onnx.export(
                    tower,
                    (example,),
                    str(folder / f"{name}.onnx"),
                    input_names=["input"],
                    output_names=["output"],
                    dynamic_axes={"input": {0: "n"}, "output": {0: "n"}},
                    dynamo=False,
                    opset_version=18,
                )
        words = Path(open_clip.__file__).parent / "bpe_simple_vocab_16e6.txt.gz"
        (self.rclip_data / "tokenizer").mkdir(exist_ok=True)
        shutil.copy(words, self.rclip_data / "tokenizer" / words.name)
        for name in ("LICENSE", "OPENAI-CLIP-MIT.txt", "README.md", "THIRD_PARTY_NOTICES.md"):
            (self.rclip_data / name).touch()  # it looks for them beside its models

    def rclip_environment(self) -> dict[str, str]:
        return os.environ | {"RCLIP_DATADIR": str(self.rclip_data), "HF_HUB_OFFLINE": "1", "NO_COLOR": "1"}

    def forget_rclip(self) -> None:
        """An index of its own for each run."""
        for path in self.rclip_data.glob("db.sqlite3*"):
            path.unlink()

    def fill_rclip(self, folder: Path, vectors: np.ndarray) -> None:
        """Its index, as if it had indexed `vectors` (n, 512) float32 of files below `folder`."""
        self.forget_rclip()
        (folder / "in").mkdir(parents=True, exist_ok=True)
        # It makes the tables itself, at its first run.
        subprocess.run(
            [self.rclip, "anything", "-f"], cwd=folder, env=self.rclip_environment(), check=False, capture_output=True
        )
        with sqlite3.connect(self.rclip_data / "db.sqlite3") as database:
            database.executemany(
                "INSERT INTO images (filepath, modified_at, size, vector) VALUES (?, 0, 1, ?)",
                ((str(folder / f"photo-{row:07}.jpg"), vector.tobytes()) for row, vector in enumerate(vectors)),
            )
        database.close()
