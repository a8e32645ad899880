"""The fusion model: torch and numpy agree, and its files are whole, old or new, and for the right encoder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.encoders.base import TokenShape
from indexer.errors import EncoderMismatchError, EncoderUnavailableError, StoreUnwritableError
from indexer.types import Float32, Int8
from search.rerank import reranker_files
from search.rerank.base import Candidates, EncodedQuery, Reranker
from search.rerank.description import RerankerDescription, Trust, shapes
from search.rerank.fusion_model import FusionModel, FusionSettings
from search.rerank.fusion_network import FusionNetwork
from search.rerank.fusion_reranker import FusionReranker
from search.rerank.reranker_files import (
    CENTRES,
    DESCRIPTION,
    OWN_DIGEST,
    check_fits,
    describe,
    find_reranker,
    load,
    save,
)
from tests.fixtures.colour_encoder import ColourEncoder, ColourTokenEncoder


def any_model(sizes: FusionSettings, seed: int = 0) -> FusionModel:
    """With weights that are all in use: the last layer is not zero, the maps are not the identity."""
    torch.manual_seed(seed)
    model = FusionModel(sizes).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model


def arrays_of(model: FusionModel) -> dict[str, Float32]:
    return {name: array.numpy() for name, array in model.state_dict().items()}


def tokens(rng: np.random.Generator, count: int, width: int) -> Int8:
    rows = rng.normal(size=(count, width))
    return np.rint(rows / np.linalg.norm(rows, axis=1, keepdims=True) * 127).astype(np.int8)


def floats(some: Int8) -> torch.Tensor:
    return torch.from_numpy(some).float() / 127


def torch_score(model: FusionModel, words: Int8, regions: Int8) -> float:
    """The plain reference: one pair at a time."""
    with torch.no_grad():
        return float(model(floats(words), torch.ones(len(words), dtype=torch.bool), floats(regions)).score)


# -- one model, two implementations -------------------------------------------------------------------------

SIZES = st.builds(
    FusionSettings,
    width=st.sampled_from([4, 12, 64]),
    hidden=st.sampled_from([8, 24]),
    heads=st.sampled_from([1, 2, 4]),
    layers=st.integers(1, 3),
    widening=st.integers(1, 3),
)


@settings(max_examples=60, deadline=None)
@given(SIZES, st.integers(0, 999), st.integers(1, 12), st.lists(st.integers(1, 9), min_size=1, max_size=8))
def test_numpy_equals_torch_in_both_directions(sizes: FusionSettings, seed: int, one: int, many: list[int]) -> None:
    """One text and images of several sizes; one image and texts of several lengths."""
    rng = np.random.default_rng(seed)
    model = any_model(sizes, seed)
    network = FusionNetwork(arrays_of(model), sizes.heads)
    asking, answers = tokens(rng, one, sizes.width), [tokens(rng, count, sizes.width) for count in many]
    np.testing.assert_allclose(
        network.images(asking, answers), [torch_score(model, asking, each) for each in answers], atol=1e-4, rtol=1e-4
    )
    np.testing.assert_allclose(
        network.texts(asking, answers), [torch_score(model, each, asking) for each in answers], atol=1e-4, rtol=1e-4
    )


def test_many_candidates_cross_the_blocks() -> None:
    """More words than one block holds, whole texts that are longer than one, and a hundred of them."""
    rng = np.random.default_rng(1)
    sizes = FusionSettings(width=16, hidden=32, heads=4)
    model = any_model(sizes)
    network = FusionNetwork(arrays_of(model), sizes.heads)
    image, text = tokens(rng, 49, 16), tokens(rng, 20, 16)
    texts = [tokens(rng, int(count), 16) for count in [700, *rng.integers(1, 40, 100), 650]]
    images = [tokens(rng, 49, 16) for _ in range(100)]
    np.testing.assert_allclose(network.texts(image, texts), [torch_score(model, t, image) for t in texts], atol=1e-4)
    np.testing.assert_allclose(network.images(text, images), [torch_score(model, text, i) for i in images], atol=1e-4)


@pytest.mark.parametrize("value", [0, 127, -128])
def test_tokens_without_direction_or_at_the_end_of_their_range(value: int) -> None:
    model = any_model(FusionSettings(width=8, hidden=8, heads=2))
    network = FusionNetwork(arrays_of(model), 2)
    flat = np.full((3, 8), value, np.int8)
    got = network.images(flat, [flat])
    assert np.isfinite(got).all()
    np.testing.assert_allclose(got, [torch_score(model, flat, flat)], atol=1e-4)


def test_padding_and_packing_change_nothing() -> None:
    """`forward` on padded texts, `packed`, and one pair at a time: the same."""
    rng = np.random.default_rng(2)
    model = any_model(FusionSettings(width=8, hidden=16, heads=2))
    lengths = [1, 4, 2]
    texts, images = [tokens(rng, count, 8) for count in lengths], [tokens(rng, 5, 8) for _ in range(3)]
    plain = np.array([[torch_score(model, text, image) for text in texts] for image in images])  # (images, texts)
    words, mask = torch.randn(3, 4, 8), torch.zeros(3, 4, dtype=torch.bool)  # what is padded may hold anything
    for row, text in enumerate(texts):
        words[row, : len(text)], mask[row, : len(text)] = floats(text), True
    regions = torch.stack([floats(image) for image in images])  # (3, r, w)
    with torch.no_grad():
        padded = model(words, mask, regions[:, None]).score  # (images, texts)
        flat = torch.cat([*(floats(text) for text in texts), torch.randn(2, 8)]).expand(3, 9, 8)
        text_of = torch.tensor([0, 1, 1, 1, 1, 2, 2, -1, -1]).expand(3, 9)
        packed = model.packed(flat, text_of, 3, regions)
        late = model.late.all_pairs(words, mask, regions)
        late_plain = model.late(words, mask, regions[:, None]).score
    np.testing.assert_allclose(padded, plain, atol=1e-5)
    np.testing.assert_allclose(packed, plain, atol=1e-5)
    np.testing.assert_allclose(late, late_plain, atol=1e-5)


def test_a_new_model_is_late_interaction_of_the_tokens_themselves() -> None:
    """Worked out by hand: one word, one region that it is, one that it is not."""
    model = FusionModel(FusionSettings(width=4, hidden=8, heads=2)).eval()
    word = np.array([[127, 0, 0, 0]], np.int8)
    same, other = word, np.array([[0, 127, 0, 0]], np.int8)
    gain = 1 / 0.07
    assert torch_score(model, word, same) == pytest.approx(gain, rel=1e-4)
    assert torch_score(model, word, other) == pytest.approx(0, abs=1e-4)
    share = 1 / (1 + np.exp(-10.0))  # of the attention, at the sharpness that it starts with
    found = np.array([share, 1 - share])
    expected = gain * share / np.linalg.norm(found)
    assert torch_score(model, word, np.concatenate([same, other])) == pytest.approx(expected, rel=1e-4)


# -- the reranker -------------------------------------------------------------------------------------------

SHAPE = TokenShape(2, 2, 8, 4)
SMALL = FusionSettings(width=4, hidden=8, heads=2, layers=1)


def described(weights: str = "1", *, enabled: bool = True, weight: float = 0.5) -> RerankerDescription:
    return RerankerDescription(
        "colours", weights, SHAPE, asdict(SMALL), weight, weight, Trust(0.5, 0.1), {"images": 3}, enabled
    )


def parts(seed: int = 0) -> dict[str, Float32]:
    centres = np.eye(4, dtype=np.float32)[:2]
    return arrays_of(any_model(SMALL, seed)) | {CENTRES: centres}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save(tmp_path / "reranker", described(), parts())
    return tmp_path / "reranker"


def candidates(*each: Int8 | None) -> Candidates:
    similarities = np.linspace(0.3, 0.1, len(each)).astype(np.float32)
    return Candidates(similarities, each, ["a.jpg"] * len(each), [None] * len(each))


def test_score_is_similarity_plus_weight_trust_and_match(folder: Path) -> None:
    rng = np.random.default_rng(0)
    reranker: Reranker = FusionReranker(folder)
    words, regions = tokens(rng, 3, 4), [tokens(rng, 4, 4) for _ in range(2)]
    vector = np.array([0.6, 0, 0.8, 0], np.float32)  # 0.6 from the nearest centre: trust is sigmoid(1)
    query = EncodedQuery("text", vector, words)
    given = candidates(regions[0], None, regions[1])
    got = reranker.score(query, given)
    model = any_model(SMALL)
    trust = 1 / (1 + np.exp(-1.0))
    expected = [given.similarities[0] + 0.5 * trust * torch_score(model, words, regions[0])]
    expected.append(given.similarities[2] + 0.5 * trust * torch_score(model, words, regions[1]))
    np.testing.assert_allclose(got[[0, 2]], expected, atol=1e-4)
    assert np.isnan(got[1])
    back = reranker.score(EncodedQuery("image", vector, regions[0]), candidates(words))  # an image is trusted
    np.testing.assert_allclose(back, [0.3 + 0.5 * torch_score(model, words, regions[0])], atol=1e-4)
    assert np.isnan(reranker.score(EncodedQuery("text", vector, None), given)).all()
    assert len(reranker.score(query, candidates())) == 0
    assert reranker.needs_tokens


def test_a_score_depends_on_its_candidate_alone(folder: Path) -> None:
    rng = np.random.default_rng(3)
    reranker = FusionReranker(folder)
    regions = [tokens(rng, 4, 4) for _ in range(40)]
    query = EncodedQuery("text", np.array([1, 0, 0, 0], np.float32), tokens(rng, 5, 4))
    together = reranker.match(query, regions)
    np.testing.assert_allclose(together, [reranker.match(query, [each])[0] for each in regions], atol=1e-5)
    assert np.array_equal(together, reranker.match(query, regions))


def test_explanation_says_where_each_word_was_found(folder: Path) -> None:
    rng = np.random.default_rng(4)
    words, regions = tokens(rng, 3, 4), tokens(rng, 4, 4)
    reranker = FusionReranker(folder)
    found = reranker.explain(EncodedQuery("text", np.ones(4, np.float32), words), regions)
    assert found is not None
    with torch.no_grad():
        late = any_model(SMALL).late(floats(words), torch.ones(3, dtype=torch.bool), floats(regions))
    np.testing.assert_allclose(found.attention.reshape(3, 4), late.attention, atol=1e-5)
    np.testing.assert_allclose(found.weights, late.weights, atol=1e-5)
    np.testing.assert_allclose(found.similarities, late.similarities, atol=1e-5)
    assert found.attention.shape == (3, 2, 2)
    assert reranker.explain(EncodedQuery("text", np.ones(4, np.float32), None), regions) is None
    assert reranker.explain(EncodedQuery("text", np.ones(4, np.float32), words), regions[:3]) is None  # no 2 x 2 grid


def test_reranking_needs_no_torch(folder: Path) -> None:
    program = (
        f"import sys\nfrom pathlib import Path\nfrom search.rerank.fusion_reranker import FusionReranker\n"
        f"FusionReranker(Path({str(folder)!r}))\nassert 'torch' not in sys.modules and 'openvino' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


# -- files --------------------------------------------------------------------------------------------------


def test_described_shapes_are_those_of_the_model() -> None:
    for sizes in (FusionSettings(), replace(SMALL, layers=3, widening=3)):
        expected = {name: a.shape for name, a in arrays_of(any_model(sizes)).items()}
        assert shapes(asdict(sizes)) == expected


def test_what_is_saved_is_loaded(folder: Path) -> None:
    description, arrays = load(folder)
    assert description == described()
    wanted = parts()
    assert arrays.keys() == wanted.keys()
    assert all(np.array_equal(arrays[name], wanted[name]) for name in wanted)
    save(folder, described(weight=2.0), parts(seed=1))
    assert describe(folder).weight == 2.0
    assert len(list(folder.iterdir())) == 2  # the weights before are gone


@pytest.mark.parametrize("killed_at", [0, 1])
def test_killed_while_saving_leaves_the_old_one(folder: Path, killed_at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill before the weights are moved into place, and between them and the description."""
    real, calls = os.replace, 0

    def replace_or_die(source: Path, target: Path) -> None:
        nonlocal calls
        if calls == killed_at:
            raise KeyboardInterrupt
        calls += 1
        real(source, target)

    monkeypatch.setattr(os, "replace", replace_or_die)
    with pytest.raises(KeyboardInterrupt):
        save(folder, described(weight=2.0), parts(seed=1))
    monkeypatch.undo()
    assert load(folder)[0] == described()
    save(folder, described(weight=3.0), parts(seed=1))  # and the next one gets through
    assert load(folder)[0].weight == 3.0


def test_a_full_disk_is_said_and_leaves_the_old_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreUnwritableError, match="No space left"):
        save(folder, described(weight=2.0), parts(seed=1))
    monkeypatch.undo()
    assert load(folder)[0] == described()


def edit(folder: Path, **changes: object) -> None:
    path = folder / DESCRIPTION
    fields = json.loads(path.read_text())
    del fields[OWN_DIGEST]  # as in a description of before it had one
    path.write_text(json.dumps(fields))
    assert describe(folder) == described()
    path.write_text(json.dumps(fields | changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"format": None},
        {"settings": {}},
        {"settings": asdict(SMALL) | {"layers": 10**9}},
        {"settings": asdict(SMALL) | {"layers": 2}},
        {"settings": asdict(SMALL) | {"heads": 3}},
        {"tokens": {"rows": 2, "columns": 2, "words": 8, "width": 5, "recipe": 1}},
        {"tokens": {"rows": 10**12, "columns": 2, "words": 8, "width": 4}},
        {"weight": -1},
        {"weight": "NaN"},
        {"image_weight": -1},
        {"trust": {"middle": 0, "width": 0}},
        {"trust": []},
        {"file": "../fusion.safetensors"},
        {"file": "gone.safetensors"},
        {"digest": "0" * 64},
        {"encoder": 5},
    ],
)
def test_a_damaged_description_is_said(folder: Path, changes: dict[str, object]) -> None:
    edit(folder, **changes)
    with pytest.raises(EncoderUnavailableError, match=r"is damaged .*`rerank=0`"):
        load(folder)


def test_a_changed_digit_of_a_description_is_said(folder: Path) -> None:
    path = folder / DESCRIPTION
    fields = json.loads(path.read_text())
    assert fields["weight"] != 0.125
    path.write_text(json.dumps(fields | {"weight": 0.125}))
    with pytest.raises(EncoderUnavailableError, match=r"is damaged \(its digest is wrong\)"):
        describe(folder)


def test_any_damage_of_the_weights_is_said(folder: Path) -> None:
    (weights,) = folder.glob("*.safetensors")
    data = weights.read_bytes()
    for broken in (b"", data[:-1], data[:100], data[:50] + bytes([data[50] ^ 1]) + data[51:], data + b"x"):
        weights.write_bytes(broken)
        with pytest.raises(EncoderUnavailableError, match="bytes are not what was written"):
            load(folder)
    weights.unlink()
    with pytest.raises(EncoderUnavailableError, match="not there"):
        load(folder)


@given(st.binary(max_size=200))
def test_any_bytes_for_a_description_are_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.mktemp("any")
    (folder / DESCRIPTION).write_bytes(data)
    with pytest.raises(EncoderUnavailableError):
        describe(folder)


def test_numbers_that_are_none_are_refused(tmp_path: Path) -> None:
    broken = parts() | {"inner.bias": np.full(8, np.nan, np.float32)}
    save(tmp_path / "r", described(), broken)
    with pytest.raises(EncoderUnavailableError, match="no finite float32"):
        load(tmp_path / "r")


def test_absent_and_newer_are_said(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(EncoderUnavailableError, match=r"no reranker in .*nowhere"):
        load(tmp_path / "nowhere")
    edit(folder, format=2)
    with pytest.raises(EncoderUnavailableError, match="format 2 and this version reads 1"):
        load(folder)


# -- which one is used --------------------------------------------------------------------------------------


def test_the_stores_own_comes_before_the_one_that_ships(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reranker_files, "models_folder", lambda: tmp_path / "models")
    encoder = ColourTokenEncoder()
    own, shipped = tmp_path / "s" / "reranker", tmp_path / "models" / "reranker"
    assert find_reranker(tmp_path / "s", encoder) is None
    save(shipped, described(), parts())
    assert find_reranker(tmp_path / "s", encoder) == shipped
    save(own, described(), parts())
    assert find_reranker(tmp_path / "s", encoder) == own
    save(own, described(enabled=False), parts())
    assert find_reranker(tmp_path / "s", encoder) == shipped
    assert find_reranker(tmp_path / "s", ColourTokenEncoder(weights="2")) is None
    assert find_reranker(tmp_path / "s", ColourTokenEncoder(recipe=2)) is None  # the same weights, other tokens
    assert find_reranker(tmp_path / "s", ColourEncoder()) is None
    (own / DESCRIPTION).write_text("{")
    with pytest.raises(EncoderUnavailableError, match="damaged"):
        find_reranker(tmp_path / "s", encoder)


def test_one_for_another_encoder_is_refused_by_name(folder: Path) -> None:
    check_fits(folder, describe(folder), ColourTokenEncoder())
    with pytest.raises(
        EncoderMismatchError, match=r"trained for the encoder colours \(1\).*colours \(2\).*`train_reranker"
    ):
        check_fits(folder, describe(folder), ColourTokenEncoder(weights="2"))
    with pytest.raises(EncoderMismatchError, match="yields none"):
        check_fits(folder, describe(folder), ColourEncoder())
