"""Train-time branches of a torch model become the one convolution that they add up to, in a copy for the export.

MobileOne, FastViT (MobileCLIP), RepVGG and others train several branches beside each other, with a norm each, and
compute their sum (Ding et al. 2021, "RepVGG"). timm's modules can fold themselves. In: a module as it was loaded. Out:
one that gives the same numbers. The loaded one, whose weights are the encoder's identity, stays as it is.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import torch

#: What timm calls the method of a module that can fold itself.
_FOLDS: Final = ("fuse", "reparameterize", "switch_to_deploy")


def folded(module: torch.nn.Module) -> torch.nn.Module:
    """`module` (eval mode) with its branches folded; itself where there are none.

    Only what folds is copied, with the modules around it: all other weights are shared with `module`.
    """
    if any(callable(getattr(module, name, None)) for name in _FOLDS):
        import torch
        from timm.utils.model import reparameterize_model

        inside: torch.nn.Module = reparameterize_model(torch.nn.Sequential(module), inplace=False)[0]
        return inside
    parts = {name: folded(part) for name, part in module.named_children()}
    if all(part is getattr(module, name) for name, part in parts.items()):
        return module
    outside = copy.copy(module)
    outside._modules = {**module._modules, **parts}
    return outside
