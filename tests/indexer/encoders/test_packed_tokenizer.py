"""Hugging Face's tokenizers without transformers: the same ids as open_clip's `HFTokenizer` gives by it."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.encoders import tokenizer_files
from indexer.encoders.packed_tokenizer import PackedTokenizer
from indexer.encoders.text_cleaning import whole
from indexer.encoders.tokenizer_files import load_tokenizer
from indexer.encoders.tokenizer_recipe import TokenizerRecipe
from indexer.errors import EncoderUnavailableError
from tests.fixtures.tokenizers import KINDS, SENTENCES

LENGTH = 12

#: Kind, `text_cfg` and `tokenizer_kwargs` as open_clip's configurations have them.
CASES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "siglip": ("unigram", {}, {"clean": "canonicalize"}),
    "siglip2": ("byte_fallback", {}, {"clean": "canonicalize"}),
    "gemma": ("byte_fallback", {}, {}),
    "xlm-roberta": ("xlm_roberta", {}, {}),
    "roberta": ("roberta", {}, {}),
    "bert": ("word_pieces", {}, {}),
    "clipa": ("word_pieces", {}, {"strip_sep_token": True}),
    "lower": ("roberta", {}, {"clean": "lower"}),
    "clips": ("roberta", {"tokenizer_mode": "clips"}, {}),
    "nllb": ("nllb", {}, {}),
    "nllb with a language": ("nllb", {}, {"language": "deu_Latn"}),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return {name: make(tmp_path_factory.mktemp("tokenizers") / name) for name, make in KINDS.items()}


@pytest.fixture(scope="module")
def pair(folders: dict[str, str]) -> Any:
    """By the name of a case, what is tested and open_clip's own, which is the reference."""
    pytest.importorskip("transformers")
    import open_clip

    @cache
    def made(name: str) -> tuple[PackedTokenizer, Any]:
        kind, text, options = CASES[name]
        text = {"context_length": LENGTH, **text}
        found = tokenizer_files._from_file(Path(folders[kind]), text, options)
        assert found is not None, "no need of transformers"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            reference = open_clip.tokenizer.HFTokenizer(
                folders[kind], context_length=LENGTH, tokenizer_mode=text.get("tokenizer_mode"), **options
            )
        return found, reference

    return made


texts = st.lists(st.one_of(st.text(max_size=40), st.sampled_from(SENTENCES), st.text("ab ▁_<s>/&;'", max_size=30)))


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_the_ids_are_those_of_open_clip(pair: Any, name: str, data: st.DataObject) -> None:
    packed, reference = pair(name)
    for text in data.draw(texts):
        fit = whole(text)  # a lone surrogate is an error there
        np.testing.assert_array_equal(packed([text]), reference([fit]).numpy(), err_msg=repr(text))


@pytest.mark.parametrize("name", CASES)
def test_what_transformers_has_read_is_packed_too(folders: dict[str, str], pair: Any, name: str) -> None:
    """A folder that holds more than is known here: the same ids, by the other way."""
    import open_clip

    kind, text, options = CASES[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        by_transformers = tokenizer_files._from_transformers(
            open_clip, folders[kind], {"context_length": LENGTH, **text}, options
        )
    packed, reference = pair(name)
    for sentence in [*SENTENCES, "", "猫 🦜", "word " * 40]:
        np.testing.assert_array_equal(by_transformers([sentence]), reference([sentence]).numpy())
        assert by_transformers.words(sentence, 5) == packed.words(sentence, 5)
        assert by_transformers.count(sentence) == packed.count(sentence)
        assert by_transformers.unread(sentence) == packed.unread(sentence)


@pytest.mark.parametrize("name", CASES)
def test_a_text_is_counted_before_it_is_cut(pair: Any, name: str) -> None:
    packed, reference = pair(name)
    for sentence in ("", "a red car", "word " * 40):
        if packed.recipe.ends is None:
            assert packed.count(sentence) == len(reference.tokenizer(reference.clean_fn(sentence))["input_ids"])
    assert packed.count("word " * 40) > packed.count("a red car") > packed.count("")


def test_words_and_what_is_not_read(folders: dict[str, str], pair: Any) -> None:
    siglip, gemma, bert = pair("siglip")[0], pair("gemma")[0], pair("bert")[0]
    assert "".join(siglip.words("Two DOGS!", 9)) == "twodogs"
    assert "".join(bert.words("Two DOGS!", 9)).startswith("twodogs")
    for each in (siglip, bert):
        assert each.unread("собака бежит") == []  # it was taught other languages
        assert each.unread("a ქართული word") == ["ქართული"]
        assert each.suggested("dgo") is None
    assert gemma.unread("ქართული 🦜") == []  # spelled in bytes
    assert siglip.words("", 9) == [""]
    row, places = siglip.row("two dogs", 4)
    assert row.shape == (LENGTH + 4,)
    assert siglip.row_length(4) == LENGTH + 4
    assert [int(row[place]) for place in row[LENGTH:][places]] == [int(each) for each in row[: places.stop]]


def test_it_is_safe_from_several_threads(pair: Any) -> None:
    packed = pair("siglip")[0]
    many = [sentence + " dog" * place for place, sentence in enumerate(SENTENCES * 4)]
    wanted = packed(many)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda text: packed([text])[0], many))
    np.testing.assert_array_equal(np.stack(found), wanted)


def test_the_recipe_is_read_as_it_was_written(pair: Any) -> None:
    for name in CASES:
        recipe = pair(name)[0].recipe
        assert TokenizerRecipe.from_fields(json.loads(json.dumps(recipe.to_fields()))) == recipe
        for wrong in (
            {"padding": -1},
            {"context_length": 0},
            {"clean": "boil"},
            {"marks": ["a"]},
            {"ends": [1]},
            {"x": 1},
        ):
            with pytest.raises((ValueError, KeyError, TypeError)):
                TokenizerRecipe.from_fields({**recipe.to_fields(), **wrong})


def test_no_transformers_where_there_is_a_tokenizer_json(folders: dict[str, str]) -> None:
    program = (
        "import sys\nfrom indexer.encoders.tokenizer_files import load_tokenizer\n"
        f"assert load_tokenizer(None, {folders['unigram']!r}, {{}}, {{}})(['a dog']).shape == (1, 77)\n"
        "assert not {'torch', 'open_clip', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_what_is_missing_is_said(folders: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import open_clip

    def refusal(folder: Path) -> str:
        with pytest.raises(EncoderUnavailableError) as caught:
            load_tokenizer(open_clip, str(folder), {}, {})
        assert "\n" not in str(caught.value)
        return str(caught.value)

    damaged = tmp_path / "damaged"
    shutil.copytree(folders["unigram"], damaged)
    (damaged / "tokenizer.json").write_text("{}")
    assert f"The tokenizer in {damaged} cannot be loaded" in refusal(damaged)
    slow = tmp_path / "slow"
    slow.mkdir()
    (slow / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n")
    (slow / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer"}))
    monkeypatch.setitem(sys.modules, "transformers", None)
    said = refusal(slow)
    assert f"tokenizer in {slow}" in said
    assert "pip install transformers" in said
    assert "or put its tokenizer.json there" in said


def test_a_token_that_the_configuration_adds_is_left_to_transformers(folders: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "more"
    shutil.copytree(folders["word_pieces"], folder)
    config = folder / "tokenizer_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"additional_special_tokens": ["<new>"]}))
    assert tokenizer_files._from_file(folder, {}, {}) is None
    assert tokenizer_files._from_file(Path(folders["word_pieces"]), {}, {}) is not None


def test_frozen_like_every_description() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        TokenizerRecipe("lower", 77, 0, ()).padding = 1  # type: ignore[misc]
