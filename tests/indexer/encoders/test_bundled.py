"""The encoder that ships: what its files are, what its vectors mean, and what damage gets."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer.encoders import graph_model
from indexer.encoders.base import EncoderId
from indexer.encoders.graph_encoder import GraphEncoder
from indexer.encoders.graph_model import verify_bundled, weights_digest
from indexer.encoders.runtime import Graph
from indexer.errors import EncoderError, EncoderUnavailableError, UsageError
from indexer.images.preprocess import to_pixels
from indexer.settings import models_folder, thread_count
from indexer.types import Float32, Pixels

FOLDER = models_folder() / "bundled"


@pytest.fixture(scope="module")
def encoder() -> GraphEncoder:
    return GraphEncoder()


@pytest.fixture(scope="module")
def photos(encoder: GraphEncoder, real_photos: Path) -> dict[str, Float32]:
    """Vectors of real photographs, by file name."""
    names = [path for path in sorted(real_photos.iterdir()) if path.suffix in {".png", ".jpg"}]
    pixels = []
    for path in names:
        with Image.open(path) as opened:
            pixels.append(to_pixels(opened.convert("RGB"), encoder.identity.preprocessing))
    return dict(zip((path.name for path in names), encoder.encode_images(np.stack(pixels)).vectors, strict=True))


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The model's files, to be damaged."""
    return Path(shutil.copytree(FOLDER, tmp_path / "bundled"))


def noise(encoder: GraphEncoder, n: int, seed: int = 0) -> Pixels:
    wanted = encoder.identity.preprocessing
    shape = (n, wanted.height, wanted.width, 3)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("a cat", "chelsea.png"),
        ("a cup of coffee", "coffee.png"),
        ("a rocket", "rocket.jpg"),
        ("an astronaut", "astronaut.png"),
        ("a flower", "flower.jpg"),
        ("a horse", "horse.png"),
        ("a man with a camera", "camera.png"),
    ],
)
def test_a_query_finds_its_photograph(
    encoder: GraphEncoder, photos: dict[str, Float32], query: str, wanted: str
) -> None:
    [text] = encoder.encode_texts([query]).vectors
    assert max(photos, key=lambda name: float(photos[name] @ text)) == wanted


def test_like_photographs_are_near(photos: dict[str, Float32]) -> None:
    left, right = photos["motorcycle_left.png"], photos["motorcycle_right.png"]
    others = [vector for name, vector in photos.items() if not name.startswith("motorcycle")]
    assert left @ right > max(float(left @ other) for other in others)


def test_like_texts_are_near(encoder: GraphEncoder) -> None:
    dog, puppy, train = encoder.encode_texts(
        ["a dog runs on the beach", "a puppy plays in the sand", "a steam locomotive"]
    ).vectors
    assert dog @ puppy > dog @ train


def test_an_image_has_the_same_bits_alone_and_anywhere_in_a_batch(encoder: GraphEncoder) -> None:
    pixels = noise(encoder, 3)
    together = encoder.encode_images(pixels).vectors
    for row in range(3):
        np.testing.assert_array_equal(encoder.encode_images(pixels[row : row + 1]).vectors[0], together[row])


def test_a_text_has_the_same_bits_anywhere_in_a_batch_and_nearly_those_alone(encoder: GraphEncoder) -> None:
    """One row is computed otherwise than several (`text_groups.py`)."""
    texts = ["a dog", "two men on a bench in front of a very long wall of red bricks", "", "a cat", "a cow"]
    together = encoder.encode_texts(texts).vectors
    for row, text in enumerate(texts):
        among = encoder.encode_texts(["a pig", text, "two women"]).vectors[1]
        np.testing.assert_array_equal(among, together[row])
        np.testing.assert_allclose(encoder.encode_texts([text]).vectors[0], together[row], rtol=0, atol=1e-6)


def test_the_number_of_threads_changes_no_bit(encoder: GraphEncoder) -> None:
    pixels = noise(encoder, 1)
    for threads in (1, 2):
        other = GraphEncoder(threads=threads)
        np.testing.assert_array_equal(other.encode_images(pixels).vectors, encoder.encode_images(pixels).vectors)
        np.testing.assert_array_equal(other.encode_texts(["a dog"]).vectors, encoder.encode_texts(["a dog"]).vectors)


def test_many_threads_at_once(encoder: GraphEncoder) -> None:
    fresh, pixels = GraphEncoder(), noise(encoder, 2)
    expected = encoder.encode_images(pixels).vectors, encoder.encode_texts(["a dog"]).vectors
    with ThreadPoolExecutor(4) as pool:
        images = list(pool.map(lambda _: fresh.encode_images(pixels).vectors, range(4)))
        texts = list(pool.map(lambda _: fresh.encode_texts(["a dog"]).vectors, range(4)))
    for image, text in zip(images, texts, strict=True):
        np.testing.assert_array_equal(image, expected[0])
        np.testing.assert_array_equal(text, expected[1])


def test_a_long_text_is_cut(encoder: GraphEncoder) -> None:
    limit = encoder.max_text_tokens
    body = "dog " * (limit - 2)  # each word is a token; the marks of start and end are two more
    assert encoder.count_tokens(body) == limit
    assert encoder.count_tokens(body + "cat") == limit + 1
    np.testing.assert_array_equal(*(encoder.encode_texts([body + more]).vectors[0] for more in ("", "cat " * 3000)))


@pytest.mark.parametrize("text", ["", " \n", "собака", "🐕", "\x00", "caf\udce9", "a" * 10_000])
def test_any_text_has_a_vector(encoder: GraphEncoder, text: str) -> None:
    [vector] = encoder.encode_texts([text]).vectors
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_one_text_instead_of_several_is_refused(encoder: GraphEncoder) -> None:
    with pytest.raises(ValueError, match="sequence"):
        encoder.encode_texts("a dog")


def test_blank_photographs_have_vectors(encoder: GraphEncoder) -> None:
    for grey in (0, 255):
        [vector] = encoder.encode_images(np.full_like(noise(encoder, 1), grey)).vectors
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_identity_survives_json_and_names_the_weights(encoder: GraphEncoder) -> None:
    identity = encoder.identity
    assert identity.name == "bundled"
    assert EncoderId.from_json(identity.to_json()) == identity
    recorded = json.loads((FOLDER / "encoder.json").read_text(encoding="utf-8"))["files"]
    assert identity.weights == weights_digest(recorded)
    assert weights_digest(recorded | {"image.xml": "0" * 64}) != identity.weights


def test_what_ships_is_whole_and_small() -> None:
    assert verify_bundled() == []
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) < 60_000_000
    assert (FOLDER / "README.md").is_file()


def test_a_text_query_loads_no_image_tower() -> None:
    fresh = GraphEncoder()
    fresh.encode_texts(["a dog"])
    assert {tower for tower, _, _ in fresh._graphs} == {"text"}


@pytest.mark.parametrize("name", ["image.xml", "text.xml", "tokenizer.json", "encoder.json"])
@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "rubbish"])
def test_a_damaged_file_is_one_clear_error(copy: Path, name: str, damage: str) -> None:
    file = copy / name
    if damage == "missing":
        file.unlink()
    elif damage == "rubbish":
        file.write_bytes(b"\xff\x00 no model " * 100)
    else:
        file.write_bytes(file.read_bytes()[: 0 if damage == "empty" else file.stat().st_size // 2])
    with pytest.raises(EncoderUnavailableError, match=name.replace(".", r"\.")) as error:
        broken = GraphEncoder(copy)
        broken.encode_texts(["a dog"])
        broken.encode_images(noise(broken, 1))
    assert "install the package again" in str(error.value)
    assert "\n" not in str(error.value)
    assert any(name in problem for problem in verify_bundled(copy))


def test_a_flipped_byte_is_found(copy: Path) -> None:
    file = copy / "image.xml"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    assert [name in problem for problem in verify_bundled(copy) for name in ["image.xml"]] == [True]


@pytest.mark.parametrize("name", ["image.bin", "text.bin", "text.xml", "tokenizer.json", "encoder.json"])
def test_a_flipped_bit_is_found_before_anything_is_made_with_it(copy: Path, tmp_path: Path, name: str) -> None:
    """Where nothing was compiled of the file before: what was compiled has a sum of its own."""
    file = copy / name
    content = bytearray(file.read_bytes())
    content[len(content) // 3] ^= 4
    file.write_bytes(content)
    with pytest.raises(EncoderUnavailableError, match=f"{name}.* is damaged; install the package again"):
        broken = GraphEncoder(copy)
        broken.encode_texts(["a dog"])
        broken.encode_images(noise(broken, 1))


@pytest.mark.parametrize(
    "change", [{"format": 1}, {"dimension": "many"}, {"files": None}, {"preprocessing": {"height": 1}}]
)
def test_a_description_that_does_not_fit(copy: Path, change: dict[str, object]) -> None:
    file = copy / "encoder.json"
    fields = json.loads(file.read_text(encoding="utf-8")) | change
    file.write_text(json.dumps(graph_model.with_own_sum(fields)), encoding="utf-8")
    with pytest.raises(EncoderUnavailableError):
        GraphEncoder(copy)


def test_no_models_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Path:
        raise UsageError("The bundled models are missing; install the package again.")

    monkeypatch.setattr(graph_model, "models_folder", missing)
    with pytest.raises(EncoderUnavailableError, match="missing"):
        GraphEncoder()


def test_inputs_that_do_not_fit_a_graph() -> None:
    with pytest.raises(EncoderError, match=r"text\.xml"):
        Graph(FOLDER / "text.xml", threads=1).run({"wrong": np.zeros((1, 2), dtype=np.int64)})


def test_threads_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEARCH_THREADS", "3")
    assert thread_count() == 3
    monkeypatch.setenv("SEARCH_THREADS", "many")
    with pytest.raises(UsageError, match="SEARCH_THREADS"):
        thread_count()
    monkeypatch.delenv("SEARCH_THREADS")
    assert thread_count() == (os.cpu_count() or 1)


def test_importing_is_light_and_running_needs_no_torch() -> None:
    code = (
        "import sys\n"
        "from indexer.encoders.graph_encoder import GraphEncoder\n"
        "encoder = GraphEncoder()\n"
        "assert not {'openvino', 'tokenizers'} & set(sys.modules)\n"
        "encoder.encode_texts(['a dog']).vectors\n"
        "assert not {'torch', 'torchvision', 'open_clip', 'transformers', 'faiss'} & set(sys.modules)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout + ended.stderr == ""
