"""The mean of a name in several templates."""

from __future__ import annotations

import numpy as np
import pytest

from indexer.encoders.templates import CLIP_TEMPLATES, ensemble, forms_of, templates_of
from tests.fixtures.colour_encoder import ColourEncoder


class Asking(ColourEncoder):
    """Is asked for names in a template of its own."""

    templates = ("all {}",)


def test_an_encoder_says_which_templates_it_takes_and_a_wish_comes_first() -> None:
    plain, asking = ColourEncoder(), Asking()
    assert [templates_of(plain, wish) for wish in (None, False, True)] == [(), (), CLIP_TEMPLATES]
    assert [templates_of(asking, wish) for wish in (None, False, True)] == [("all {}",), (), ("all {}",)]


def test_the_forms_of_a_name() -> None:
    assert forms_of("stop sign", ()) == ("stop sign",)
    assert forms_of("{} {", ("a {}.", "the {}")) == ("{} {", "a {} {.", "the {} {")
    assert len(forms_of("corgi", CLIP_TEMPLATES)) == 8
    assert forms_of("corgi", CLIP_TEMPLATES)[1] == "itap of a corgi."


def test_the_bare_name_weighs_as_much_as_all_templates() -> None:
    vectors = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    # The templates' mean is (0, 1, 1) / sqrt(2), at unit norm; with the bare name (1, 0.7071, 0.7071), of norm sqrt(2).
    np.testing.assert_allclose(ensemble(vectors), [0.5**0.5, 0.5, 0.5], atol=1e-7)
    assert ensemble(vectors).dtype == np.float32


def test_it_is_the_plain_formula() -> None:
    random = np.random.default_rng(0).standard_normal((8, 16))
    vectors = (random / np.linalg.norm(random, axis=1, keepdims=True)).astype(np.float32)
    mean = sum(vectors[1:]) / 7
    whole = vectors[0] + mean / np.sqrt(sum(mean**2))
    np.testing.assert_allclose(ensemble(vectors), whole / np.sqrt(sum(whole**2)), atol=1e-6)


@pytest.mark.parametrize("others", [[], [[-1.0, 0.0]], [[0.0, 1.0], [0.0, -1.0]]])
def test_the_bare_name_where_nothing_else_is_left(others: list[list[float]]) -> None:
    vectors = np.array([[1.0, 0.0], *others], np.float32)
    np.testing.assert_array_equal(ensemble(vectors), vectors[0])
