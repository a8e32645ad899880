"""Branches fold in a copy that computes the same; what was loaded stays as it is."""

from __future__ import annotations

import torch
from timm.models.fastvit import MobileOneBlock

from indexer.encoders.folding import folded


class Tower(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = torch.nn.Conv2d(3, 8, 1)
        self.block = torch.nn.Sequential(MobileOneBlock(8, 8, 3))

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.block(self.stem(rows))
        return found


def test_a_folded_tower_computes_the_same_with_one_convolution_a_block() -> None:
    torch.manual_seed(0)
    tower = Tower()
    rows = torch.rand(2, 3, 16, 16)
    with torch.no_grad():
        tower(rows)  # norms with statistics of their own
        tower.eval()
        before = {name: value.clone() for name, value in tower.state_dict().items()}
        wanted = tower(rows)
        lighter = folded(tower)
        assert torch.allclose(lighter(rows), wanted, atol=1e-4)
    assert sum(isinstance(part, torch.nn.Conv2d) for part in lighter.modules()) == 2
    assert not any(isinstance(part, torch.nn.BatchNorm2d) for part in lighter.modules())
    assert lighter.get_submodule("stem") is tower.stem
    after = tower.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], before[name]) for name in before)


def test_a_tower_without_branches_is_itself() -> None:
    tower = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1), torch.nn.Sequential(torch.nn.ReLU()))
    assert folded(tower) is tower
