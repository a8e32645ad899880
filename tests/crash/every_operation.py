"""All operations, by name."""

from __future__ import annotations

from typing import Final

from tests.crash.exchange_operations import EXCHANGE_OPERATIONS
from tests.crash.operations import OPERATIONS, Operation

EVERY_OPERATION: Final[dict[str, Operation]] = {
    **OPERATIONS,
    **{operation.name: operation for operation in EXCHANGE_OPERATIONS},
}
