"""What rclip and clip-retrieval themselves have written is taken over: their own code runs, and only its model is a
stand-in, because hubs are out of reach for tests.

Neither is a dependency of anything; their own need other versions of packages than we do. In an environment aside:
    pip install --no-deps rclip==3.3.0 clip-retrieval==2.45.0 requests urllib3 idna certifi charset-normalizer tqdm \\
        rawpy pi-heif pandas python-dateutil pytz tzdata six fire termcolor braceexpand webdataset
"""

from __future__ import annotations

import importlib.util
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import search
from search.exchange import rclip_source
from tests.fixtures.paths import ROOT
from tests.fixtures.shrunk_encoder import ShrunkEncoder

pytestmark = pytest.mark.scale


def needs(package: str) -> pytest.MarkDecorator:
    """The package itself."""
    lacking = importlib.util.find_spec(package) is None
    return pytest.mark.skipif(lacking, reason=f"{package} is not installed; the head of this file says how")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Wide and tall ones, one that its EXIF orientation turns, some in a folder with an odd name, one that is
    damaged."""
    folder = tmp_path / "photos"
    (folder / "it's 100%_of [Ö] 😀").mkdir(parents=True)
    chance = np.random.default_rng(3)
    for number in range(12):
        small = chance.integers(0, 256, (5, 7, 3) if number % 2 else (7, 5, 3), np.uint8)
        picture = Image.fromarray(small).resize((420, 300) if number % 2 else (300, 420), Image.Resampling.BICUBIC)
        name = f"it's 100%_of [Ö] 😀/{number}.png" if number % 5 == 0 else f"{number}.jpg"
        picture.save(folder / name)
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.save(folder / "turned.jpg", exif=exif)
    (folder / "damaged.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    for name, text in (("1", "a field"), ("3", "two fields")):
        (folder / f"{name}.txt").write_text(text)
    return folder


def ran(code: str, *arguments: object) -> None:
    """In a process of its own: they change how Pillow works."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    path = f"{ROOT}:{ROOT / 'tests' / 'fixtures'}"  # some of them bring a package `tests`
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=os.environ | {"PYTHONPATH": path})
    assert done.returncode == 0, done.stderr


RCLIP = """
import sys
import numpy as np
from rclip import main, model
from rclip.db import DB
from rclip.utils.preprocess import MEAN, STD
from shrunk_encoder import shrunk

class Stand(model.Model):
    def _run_visual(self, batch, *, for_indexing=False):  # (n, 3, 256, 256), normalised
        return shrunk(batch.transpose(0, 2, 3, 1) * STD + MEAN) * 3

database = DB(sys.argv[1])
for folder in sys.argv[2:]:
    rclip = main.RClip(Stand(), database, 4, None)
    rclip.ensure_index(folder)
    rclip.close()
database.close()
"""


@needs("rclip")
def test_rclip(photos: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    ran(RCLIP, data / "db.sqlite3", photos)
    (photos / "2.jpg").unlink()  # rclip marks it as deleted
    (photos / "4.jpg").rename(photos / "renamed.jpg")  # it knows it by its hash
    ran(RCLIP, data / "db.sqlite3", photos)
    with closing(sqlite3.connect(data / "db.sqlite3")) as opened:
        [version] = opened.execute("SELECT version FROM db_version").fetchone()
        rows = opened.execute("SELECT filepath, deleted FROM images").fetchall()
    assert version in rclip_source.VERSIONS
    assert {os.path.basename(path) for path, deleted in rows if deleted} == {"2.jpg", "4.jpg"}
    encoder = ShrunkEncoder()
    with search.open(tmp_path / "s", encoder=encoder) as library:
        found = library.import_from(data)
        assert (found.images, found.turned, found.gone, found.changed, found.damaged) == (11, 1, 0, 0, 0)
        assert found.cosine is not None
        assert found.cosine > 0.999
        assert found.roots == (str(photos),)
        paths = {item.path for item in library.items(kind="image")}
        assert paths == {path for path, deleted in rows if not deleted} - {str(photos / "turned.jpg")}
        check_vectors(library)
        before = encoder.images
        report = library.index()
        assert (report.encoded, encoder.images > before, len(report.failures)) == (1, True, 1)


def check_vectors(library: search.Library) -> None:
    """Those that are stored are those of the photographs at these paths."""
    items = list(library.items(kind="image"))
    stored = library.vectors([item.id for item in items])[1]
    anew = library.embed(images=[item.path for item in items])
    assert np.vecdot(stored, anew).min() > 0.995


#: What it imports beside itself, and what stands for models.
STANDS = """
import sys, types
import numpy as np
import torch
from PIL import Image
from shrunk_encoder import shrunk, SIDE

class Stand:
    def encode_image(self, batch):  # (n, 3, 256, 256)
        return torch.tensor(shrunk(batch.numpy().transpose(0, 2, 3, 1)) * 3)

    def encode_text(self, tokens):
        return tokens.float() + 1

def preprocess(picture):
    picture = picture.convert("RGB")
    short = min(picture.size)
    picture = picture.resize((round(picture.width * SIDE / short), round(picture.height * SIDE / short)), Image.BICUBIC)
    left, top = (picture.width - SIDE) // 2, (picture.height - SIDE) // 2
    pixels = np.array(picture.crop((left, top, left + SIDE, top + SIDE)), np.float32) / 255
    return torch.tensor(pixels.transpose(2, 0, 1))

def load_clip(**_more):
    return Stand(), preprocess, lambda texts: torch.ones((len(texts), 512), dtype=torch.long)

for name, inside in (("all_clip", {"load_clip": load_clip}), ("sentence_transformers", {"SentenceTransformer": None}),
                     ("wandb", {})):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__dict__.update(inside)
sys.modules["clip_retrieval"] = package = types.ModuleType("clip_retrieval")  # its own begin imports servers
import importlib.util
spec = importlib.machinery.PathFinder.find_spec("clip_retrieval")
package.__path__ = list(spec.submodule_search_locations)
from clip_retrieval.clip_inference import worker as at_work
from clip_retrieval.clip_inference.mapper import ClipMapper
from clip_retrieval.clip_inference.writer import NumpyWriter
"""

WORKER = (
    STANDS
    + """
class Logger:  # writes speeds, from a process of its own
    def __init__(self, **_more): pass
    def start(self): pass
    def __call__(self, _speed): pass
    def end(self): pass

at_work.LoggerWriter = Logger
photos, out, parts = sys.argv[1], sys.argv[2], int(sys.argv[3])
at_work.worker(
    tasks=list(range(parts)), input_dataset=photos, output_folder=out, output_partition_count=parts, batch_size=4,
    num_prepro_workers=0, enable_text=False, enable_image=True,
)
"""
)


@needs("clip_retrieval")
@pytest.mark.parametrize("parts", [1, 12])
def test_clip_retrieval(photos: Path, tmp_path: Path, parts: int) -> None:
    (photos / "damaged.jpg").unlink()  # it stops over one that is alone in its batch
    out = tmp_path / "clip"
    ran(WORKER, photos, out, parts)
    assert len(list((out / "img_emb").iterdir())) == parts
    assert np.load(next((out / "img_emb").iterdir())).dtype == np.float16
    with search.open(tmp_path / "s", encoder=ShrunkEncoder()) as library:
        found = library.import_from(out, photos)
        assert (found.images, found.turned) == (12, 1)
        assert (found.gone, found.changed, found.outside, found.damaged) == (0, 0, 0, 0)
        assert found.cosine is not None
        assert found.cosine > 0.999
        check_vectors(library)
        assert library.index().encoded == 1


#: Its readers know captions and tables beside photographs only inside archives, where no photograph has a path: what
#: they would give is given.
WRITER = (
    STANDS
    + """
mapper = ClipMapper(True, True, True, False, "stand", False, None)
writer = NumpyWriter(0, sys.argv[1], True, True, True, 1)
for path in sys.argv[2:]:
    said = '{"digest": "of another kind", "tokens": 7, "path_bytes": [1, 2], "caption": "no", "deep": {"a": 1}}'
    writer(mapper({
        "image_tensor": preprocess(Image.open(path))[None], "image_filename": [path], "metadata": [said],
        "text": ["a field"], "text_tokens": torch.ones((1, 512)),
    }))
writer.flush()
"""
)


@needs("clip_retrieval")
def test_captions_and_tables_of_clip_retrieval(photos: Path, tmp_path: Path) -> None:
    """Columns of the user's own may have any names."""
    out = tmp_path / "clip"
    ran(WRITER, out, *sorted(photos.glob("?.jpg")))
    with search.open(tmp_path / "s", encoder=ShrunkEncoder()) as library:
        found = library.import_from(out, photos)
        assert (found.images, found.texts, found.damaged) == (len(list(photos.glob("?.jpg"))), 0, 0)
        check_vectors(library)
