"""How the methods of adaptation change an open_clip model: which tensors are trained, and what is put into it.

    full      every weight, or only the last stages (`part`)
    lora      low-rank products beside the matrices of each block, by peft (Hu et al. 2022, arXiv 2106.09685)
    adapters  a bottleneck after attention and after the MLP of each block (Houlsby et al. 2019, arXiv 1902.00751)
    bitfit    biases and the gains of norms (Ben Zaken et al. 2022, arXiv 2106.10199)
    prompt    context vectors before the words (CoOp, Zhou et al. 2022, arXiv 2109.01134)

A model of the base's weights comes in; `Adaptation` marks and inserts; the training changes the tensors that `trained`
names, or `load` fills them; `finish` makes of it what encodes. The temperature (`logit_scale`) is always among them.

Imports torch at the top; import this module only where torch is wanted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from indexer.encoders.trained_tensors import fill, import_peft, trained_of
from indexer.errors import UsageError
from indexer.types import Float32

#: From cheap to dear: trained numbers, then what a step computes.
METHODS: Final = ("bitfit", "prompt", "lora", "adapters", "full")
#: Of a tower, what counts as its last stages.
_LAST_BLOCKS: Final = 2
#: Parameters outside the blocks that make the vectors of what the blocks give.
_HEADS: Final = ("text_projection", "ln_final", "visual.proj", "visual.ln_post", "visual.head", "visual.attnpool",
                 "visual.attn_pool", "logit_scale")  # fmt: skip


class Adaptation:
    """One method applied to one model, in place.

    `settings`: "rank" and "alpha" (lora), "bottleneck" (adapters), "context" (prompt), "part" (full). New tensors are
    drawn from torch's generator. Raises UsageError for a method that does not fit the model's architecture, and
    EncoderUnavailableError where peft is missing.
    """

    def __init__(self, model: Any, method: str, settings: Mapping[str, Any]) -> None:
        self._model = model
        self._lora: Any = None
        model.requires_grad_(False)
        match method:
            case "full":
                names = parts(model)[settings["part"]]
                for name, parameter in model.named_parameters():
                    parameter.requires_grad_(name in names)
            case "bitfit":
                _train_biases_and_norms(model)
            case "adapters":
                _insert_adapters(model, settings["bottleneck"])
            case "prompt":
                _insert_prompt(model, settings["context"])
            case "lora":
                self._lora = _insert_lora(model, settings["rank"], settings["alpha"])
            case _:
                raise UsageError(f"There is no method {method!r}; use {', '.join(METHODS)}.")
        model.logit_scale.requires_grad_(True)

    def trained(self) -> dict[str, nn.Parameter]:
        """What is trained, by name."""
        return trained_of(self._model)

    def load(self, tensors: Mapping[str, Float32]) -> None:
        """Fill what is trained. Raises ValueError, with what is wrong, unless names and shapes are these."""
        fill(self._model, tensors)

    def finish(self) -> None:
        """Make the model ready to encode: low-rank products are added to their matrices, nothing is trained."""
        if self._lora is not None:
            self._lora.merge_and_unload()
        self._model.requires_grad_(False).eval()


def parts(model: Any) -> dict[str, list[str]]:
    """Names of parameters, from the outermost to the innermost, each with the ones before: "heads", "last", "all"."""
    every = [name for name, _ in model.named_parameters()]
    last = tuple(f"{name}." for tower in _towers(model) for name, _ in tower[-_LAST_BLOCKS:])
    heads = [name for name in every if name.removeprefix("text.").startswith(_HEADS)]
    return {"heads": heads, "last": [name for name in every if name in heads or name.startswith(last)], "all": every}


def _towers(model: Any) -> list[list[tuple[str, nn.Module]]]:
    """The blocks of each tower that is made of such, by name and from the first to the last."""
    found: dict[str, list[tuple[str, nn.Module]]] = {}
    for name, module in model.named_modules():
        stem, _, number = name.rpartition(".")
        if number.isdigit() and stem.endswith(("resblocks", "trunk.blocks")):
            found.setdefault(stem, []).append((name, module))
    return list(found.values())


def _blocks(model: Any, method: str) -> list[tuple[str, nn.Module]]:
    blocks = [block for tower in _towers(model) for block in tower]
    if not blocks:
        raise UsageError(
            f"The method {method} needs towers of transformer blocks, which this model has not; use bitfit or full."
        )
    return blocks


def _train_biases_and_norms(model: nn.Module) -> None:
    for module in model.modules():
        is_norm = "norm" in type(module).__name__.lower()
        for name, parameter in module.named_parameters(recurse=False):
            if is_norm or name.endswith("bias"):
                parameter.requires_grad_(True)


# -- low-rank products --------------------------------------------------------------------------------------


def _insert_lora(model: Any, rank: int, alpha: int) -> Any:
    """In each block beside its linear maps, and beside the matrix that makes queries, keys and values together."""
    peft = import_peft()

    linear, joint = [], []
    for block, module in _blocks(model, "lora"):
        for name, inner in module.named_modules():
            if isinstance(inner, nn.MultiheadAttention):
                # As a parameter: peft's own layer for this class adds to the weights and subtracts again in each
                # pass, so that they drift by rounding.
                joint.append(f"{block}.{name}.in_proj_weight")
            elif isinstance(inner, nn.Linear) and not name.endswith("out_proj"):  # torch reads that past any layer
                linear.append(f"{block}.{name}")
    config = peft.LoraConfig(r=rank, lora_alpha=alpha, target_modules=linear or None, target_parameters=joint or None)
    return peft.LoraModel(model, config, "default")


# -- bottlenecks --------------------------------------------------------------------------------------------


class Bottleneck(nn.Module):
    """h + up(gelu(down(h))): nothing at first, as `up` is 0."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.down = nn.Linear(width, inner)
        self.up = nn.Linear(inner, width)
        nn.init.normal_(self.down.weight, std=0.02)
        for each in (self.down.bias, self.up.weight, self.up.bias):
            nn.init.zeros_(each)

    def forward(self, hidden: Tensor) -> Tensor:
        """(..., width) -> the same shape."""
        added: Tensor = self.up(F.gelu(self.down(hidden)))
        return hidden + added


def _insert_adapters(model: Any, inner: int) -> None:
    """Where a block scales what attention and MLP give (often by nothing), just before it adds that."""
    inserted = 0
    for _, block in _blocks(model, "adapters"):
        for place in ("ls_1", "ls_2", "ls1", "ls2"):  # open_clip's, timm's
            before = getattr(block, place, None)
            if isinstance(before, nn.Module):
                setattr(block, place, nn.Sequential(before, Bottleneck(_width(block), inner)))
                inserted += 1
    if not inserted:
        raise UsageError("The blocks of this model have no place for adapters; use lora, bitfit or full.")


def _width(block: nn.Module) -> int:
    norm = next(each for each in block.modules() if "norm" in type(each).__name__.lower())
    return int(norm.weight.shape[0])  # type: ignore[index]


# -- context vectors ----------------------------------------------------------------------------------------


class Prompted(nn.Module):
    """A text transformer that sees `context` vectors after the first token, and gives what it gave of the others.

    They carry their own position and the words keep theirs, so that no word is cut off and all places of tokens stay
    what they were (CoOp moves the words instead).
    """

    def __init__(self, inner: Any, context: int, causal: int | None) -> None:
        """`causal`: length of the texts of a tower whose tokens see only those before them."""
        super().__init__()
        self.inner = inner
        size = 0 if causal is None else causal + context
        self.register_buffer("mask", torch.full((size, size), -torch.inf).triu(1), persistent=False)
        self.context = nn.Parameter(torch.empty(context, int(inner.width)).normal_(std=0.02))  # (m, c)

    def get_cast_dtype(self) -> torch.dtype:
        """As the transformer's own."""
        found: torch.dtype = self.inner.get_cast_dtype()
        return found

    def forward(self, tokens: Tensor, attn_mask: Tensor | None = None) -> Tensor:
        """`tokens`: (n, t, c); `attn_mask`: (t, t) or None. Returns (n, t, c)."""
        count = len(self.context)
        context = self.context.to(tokens.dtype).expand(
            tokens.shape[0], -1, -1
        )  # (n, m, c); len() would be a constant of a trace
        longer = torch.cat([tokens[:, :1], context, tokens[:, 1:]], dim=1)  # (n, t + m, c)
        mask: Any = None if attn_mask is None else self.mask
        given: Tensor = self.inner(longer, attn_mask=mask)
        return torch.cat([given[:, :1], given[:, 1 + count :]], dim=1)


def _insert_prompt(model: Any, context: int) -> None:
    """Raises UsageError for a text tower that is built in another way, or masks otherwise."""
    tower = getattr(model, "text", model)
    mask = getattr(tower, "attn_mask", None)
    plain = mask is None or (mask.ndim == 2 and torch.equal(mask, torch.full_like(mask, -torch.inf).triu(1)))
    inner = getattr(tower, "transformer", None)
    widens = getattr(tower, "cls_emb", None) is not None or getattr(tower, "use_pad_mask", False)  # its masks differ
    if inner is None or not hasattr(inner, "resblocks") or not plain or widens:
        raise UsageError("The text tower of this model takes no context vectors; use another method than prompt.")
    tower.transformer = Prompted(inner, context, None if mask is None else len(mask))
