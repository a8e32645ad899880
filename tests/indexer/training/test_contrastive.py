"""The contrastive loss against a plain reference, and what it must obey."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

torch = pytest.importorskip("torch")

from indexer.training.contrastive import Temperature, nt_xent  # noqa: E402


def reference(u: npt.NDArray[np.float64], v: npt.NDArray[np.float64], temperature: float) -> float:
    """The formula of the docstring, a pair at a time."""
    u = u / np.linalg.norm(u, axis=1, keepdims=True)
    v = v / np.linalg.norm(v, axis=1, keepdims=True)
    n, total = len(u), 0.0
    for i in range(n):
        match = math.exp(u[i] @ v[i] / temperature)
        total += math.log(match / sum(math.exp(u[i] @ v[j] / temperature) for j in range(n)))
        total += math.log(match / sum(math.exp(u[j] @ v[i] / temperature) for j in range(n)))
    return -total / (2 * n)


@pytest.mark.parametrize(("n", "d", "temperature"), [(1, 3, 0.1), (2, 5, 1.0), (17, 8, 0.07)])
def test_is_the_formula(n: int, d: int, temperature: float) -> None:
    random = np.random.default_rng(n)
    u, v = random.normal(size=(n, d)), random.normal(size=(n, d))
    found = float(nt_xent(torch.from_numpy(u), torch.from_numpy(v), temperature))
    assert found == pytest.approx(reference(u, v, temperature), rel=1e-9, abs=1e-12)


def test_symmetric_in_the_two_sides() -> None:
    u, v = torch.randn(2, 6, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert float(nt_xent(u, v, 0.2)) == pytest.approx(float(nt_xent(v, u, 0.2)))


def test_length_of_the_vectors_does_not_matter() -> None:
    u, v = torch.randn(2, 6, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert float(nt_xent(u * 7, v / 3, 0.2)) == pytest.approx(float(nt_xent(u, v, 0.2)))


def test_chance_is_log_n_and_a_perfect_match_is_nothing() -> None:
    same = torch.ones(8, 4)
    assert float(nt_xent(same, same, 0.1)) == pytest.approx(math.log(8))
    assert float(nt_xent(torch.eye(8), torch.eye(8), 0.01)) == pytest.approx(0, abs=1e-6)


def test_wrong_pairs_cost_more() -> None:
    u = torch.eye(5)
    assert float(nt_xent(u, u.roll(1, 0), 0.1)) > float(nt_xent(u, u, 0.1)) + 5


@pytest.mark.parametrize("shapes", [((2, 3), (3, 3)), ((2, 3), (2, 4)), ((0, 3), (0, 3)), ((3,), (3,))])
def test_wrong_shapes_are_refused(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    with pytest.raises(ValueError, match="equal shapes"):
        nt_xent(torch.zeros(shapes[0]), torch.zeros(shapes[1]), 0.1)


def test_gradient_descent_pulls_pairs_together() -> None:
    generator = torch.Generator().manual_seed(0)
    u = torch.randn(6, 4, generator=generator, requires_grad=True)
    v, temperature = torch.randn(6, 4, generator=generator), Temperature()
    optimizer = torch.optim.SGD([u, *temperature.parameters()], lr=0.5)
    losses = []
    for _ in range(50):
        loss = nt_xent(u, v, temperature())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0] / 2


def test_temperature_starts_as_told_and_stays_above_the_lowest() -> None:
    temperature = Temperature(start=0.07, lowest=0.01)
    assert float(temperature().detach()) == pytest.approx(0.07)
    with torch.no_grad():
        temperature.log_scale.fill_(50)
    assert float(temperature().detach()) == pytest.approx(0.01)
