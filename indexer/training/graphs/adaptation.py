"""How the methods of adaptation change the towers of a graph encoder: which tensors are trained, what is put in.

    full      the layers of a part: "heads", "last" (the heads and the last stage) or "all"
    lora      low-rank products beside the matrices (Hu et al. 2021, arXiv 2106.09685), by the library peft
    bitfit    biases and norms (Ben Zaken et al. 2022, arXiv 2106.10199)

LoRA and BitFit reach the heads and the last stage alone: what lies before runs in OpenVINO then, many times as fast as
in torch. Embeddings are not trained.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from torch import nn

from indexer.encoders.graph_model import TOWERS
from indexer.encoders.trained_tensors import fill, import_peft, trained_of
from indexer.errors import UsageError
from indexer.training.graphs.graph_module import GraphModule
from indexer.training.graphs.parts import HEADS, named_parts
from indexer.types import Float32

#: From cheap to dear.
METHODS: Final = ("bitfit", "lora", "full")
#: From the outermost to the innermost, each with the ones before.
PARTS: Final = (HEADS, "last", "all")


class Towers(nn.Module):
    """Both towers under one roof, so that names tell them apart: "image.", "text."."""

    def __init__(self, image: GraphModule, text: GraphModule) -> None:
        super().__init__()
        self.image, self.text = image, text

    def layers(self, part: str) -> list[str]:
        """Names of the layers of one of `PARTS`."""
        found = []
        for tower in TOWERS:
            parts = named_parts(getattr(self, tower).plan)
            wanted = {HEADS: [HEADS], "last": [HEADS, "stage 1"], "all": list(parts)}[part]
            found += [f"{tower}.{name}" for each in wanted for name in parts.get(each, ())]
        return found

    def parameters_of(self, part: str) -> list[str]:
        """Names of the parameters of one of `PARTS`."""
        return [f"{name}.{own}" for name in self.layers(part) for own, _ in self.get_submodule(name).named_parameters()]


class GraphAdaptation:
    """One method applied to both towers, in place.

    `settings`: "rank" and "alpha" (lora), "part" (full). New tensors are drawn from torch's generator. Raises
    UsageError for a method that there is not, and EncoderUnavailableError where peft is missing.
    """

    def __init__(self, towers: Towers, method: str, settings: Mapping[str, Any]) -> None:
        self._towers = towers
        self._lora: Any = None
        towers.requires_grad_(False)
        match method:
            case "full":
                if settings["part"] not in PARTS:
                    raise UsageError(f"There is no part {settings['part']!r}; use {', '.join(PARTS)}.")
                for name in towers.parameters_of(settings["part"]):
                    towers.get_parameter(name).requires_grad_(True)
            case "bitfit":
                for name in towers.layers("last"):
                    _train_bias_and_norm(towers.get_submodule(name))
            case "lora":
                self._lora = _insert_lora(towers, settings["rank"], settings["alpha"])
            case _:
                raise UsageError(f"There is no method {method!r} for this encoder; use {', '.join(METHODS)}.")

    def trained(self) -> dict[str, nn.Parameter]:
        """What is trained, by name."""
        return trained_of(self._towers)

    def load(self, tensors: Mapping[str, Float32]) -> None:
        """Fill what is trained. Raises ValueError, with what is wrong, unless names and shapes are these."""
        fill(self._towers, tensors)

    def finish(self) -> None:
        """Make the towers plain again: low-rank products are added to their matrices, nothing is trained."""
        if self._lora is not None:
            self._lora.merge_and_unload()
            self._lora = None
        self._towers.requires_grad_(False)


def _train_bias_and_norm(module: nn.Module) -> None:
    for name, parameter in module.named_parameters(recurse=False):
        if name == "bias" or isinstance(module, nn.LayerNorm):
            parameter.requires_grad_(True)


def _insert_lora(towers: Towers, rank: int, alpha: int) -> Any:
    """Beside products, and convolutions that see all channels."""
    peft = import_peft()
    chosen = [name for name in towers.layers("last") if _takes_lora(towers.get_submodule(name))]
    return peft.LoraModel(towers, peft.LoraConfig(r=rank, lora_alpha=alpha, target_modules=chosen), "default")


def _takes_lora(module: nn.Module) -> bool:
    return isinstance(module, nn.Linear) or (isinstance(module, nn.Conv2d) and module.groups == 1)
