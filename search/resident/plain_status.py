"""A plain `search status` becomes a request. Light."""

from search.resident.wire import JSON, TABLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

SWITCHES = {"--failed": "failed=true", "--left-out": "left_out=true"}
STORES = ("--store", "-s")


def target_of(arguments: "Sequence[str]") -> tuple[str, str] | None:
    """As `plain_query.target_of`; `arguments`: behind "status"."""
    asked: dict[str, None] = {}
    form = TABLE
    rest = iter(arguments)
    for argument in rest:
        if argument in SWITCHES:
            asked[SWITCHES[argument]] = None
        elif argument == "--json":
            form = JSON
        elif argument in STORES:
            if next(rest, "-")[:1] in ("", "-"):
                return None
        elif not argument.startswith(f"{STORES[0]}=") or argument == f"{STORES[0]}=":
            return None
    return f"/own/status?{'&'.join(asked)}", form
