"""Settings of a training that would change nothing: they are refused, for whoever gives one expects something of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from indexer.errors import UsageError
from indexer.training.settings import AdaptationSettings

#: Settings that one method alone looks at.
_OF: Final = {"rank": "lora", "alpha": "lora", "bottleneck": "adapters", "context": "prompt", "part": "full"}


def check_used(methods: Sequence[str], settings: AdaptationSettings) -> None:
    """Raise UsageError for a setting, other than its default, that none of `methods` looks at."""
    default = AdaptationSettings()
    for name, method in _OF.items():
        if method not in methods and getattr(settings, name) != getattr(default, name):
            trained = f"{methods[0]} has" if len(methods) == 1 else f"{', '.join(methods)} have"
            raise UsageError(
                f"`{name}` is a setting of the method {method}, and {trained} no use for it; leave `{name}` away, or "
                "name another `method`."
            )
    if settings.adversarial is None and settings.epsilon != default.epsilon:
        raise UsageError(
            "`epsilon` is how strong an attack may be, and no attack is asked for; leave `epsilon` away, or name an "
            "attack with `adversarial`."
        )
