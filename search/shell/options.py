"""The options of a command, declared once: a row each, in a class. Imports nothing: every query pays for it.

    class StatusOptions(Options):
        store: Path | None = STORE
        failed: bool = option("--failed", help="Name the files that could not be indexed, and why.")

From these rows come typer's parameters (`cli.py`), the reader of plain queries (`search/fast_start`), the values that
the command works with (`StatusOptions(failed=True).store`), and the reference in `docs/cli.md`.
"""

TYPE_CHECKING = False  # as type checkers know it; importing `typing` takes 5 ms
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


class Option:
    """A row. `flags`: as they are typed, "--on/--off" for both sides of a switch; () for an argument. `group`: the
    heading under which the help has it."""

    def __init__(
        self, flags: tuple[str, ...], default: object, metavar: str | None, help: str, group: str = "Options"
    ) -> None:
        self.flags = flags
        self.default = default
        self.metavar = metavar
        self.help = help
        self.group = group

    def under(self, group: str) -> "Option":
        """The same row under another heading."""
        return Option(self.flags, self.default, self.metavar, self.help, group)


def option(*flags: str, help: str, default: object = None, metavar: str | None = None, group: str = "Options") -> "Any":
    """Declare an option; `default` ... has to be given. The annotation of the field is the type of its value."""
    return Option(flags, default, metavar, help, group)


def argument(metavar: str, *, help: str, default: object = ...) -> "Any":
    """Declare an argument, one that is known by its place."""
    return Option((), default, metavar, help)


class Options:
    """The values of a command's options: those that were given, and the defaults of the others. `EXAMPLES`: lines for
    the end of the help."""

    EXAMPLES: "tuple[str, ...]" = ()

    def __init__(self, **given: object) -> None:
        for name, row in self.rows().items():
            setattr(self, name, given.pop(name, row.default))
        if given:
            raise TypeError(f"{type(self).__name__} has no {', '.join(given)}")

    @classmethod
    def rows(cls) -> dict[str, Option]:
        """The rows by the names of their fields, in the order of the help: a class's own, then those of its bases."""
        return {name: row for each in cls.__mro__ for name, row in vars(each).items() if isinstance(row, Option)}

    @classmethod
    def types(cls) -> dict[str, str]:
        """The annotations of the fields, as text."""
        return {name: kind for each in reversed(cls.__mro__[:-2]) for name, kind in each.__annotations__.items()}


#: What several commands take.
STORE = option(
    "--store",
    "-s",
    metavar="PATH",
    help="Where the index lives: a folder, or postgresql://USER@HOST/DATABASE "
    "(default: SEARCH_STORE, or one per user).",
)
DEVICE = option(
    "--device", metavar="NAME", help="cpu, cuda or mps, for encoders that run on torch (the bundled one does not)."
)
MOVED_ENCODER = option("--encoder", metavar="NAME", help="Where the store's model now is, when its file has moved.")
AS_JSON = option("--json", default=False, help="Print JSON instead.")
RERANK = option(
    "--rerank",
    metavar="N",
    help="How many of the first candidates are reranked (default: 30; 100 where words are subtracted).",
)
RERANK_PAIRS = option(
    "--rerank", metavar="N", help="How many of the first candidates of each query are reranked (default: 30)."
)
NO_RERANK = option("--no-rerank", default=False, help="No reranking; the same as --rerank 0.")
RERANKER = option(
    "--reranker",
    metavar="NAME",
    help="What reranks: the folder of a reranker, or blip:PATH_OR_ID "
    "(default: the store's own, or the one that ships).",
)

IMAGES = option(
    "--images", metavar="FOLDER", help="Names of images in the table are relative to this (default: where it lies)."
)

#: What both trainings take.
TRAINING_PAIRS = option(
    "--pairs",
    default=...,
    metavar="FILE",
    help="captions.jsonl or .csv, 140 images or more; a row: "
    '{"image": "a.jpg", "captions": ["a dog"]}, or image,caption.',
)
RESTART = option("--restart/--resume", default=False, help="Begin anew, or go on from an interrupted run.")
SEED = option("--seed", default=0, metavar="N", help="Number from which all chance is drawn.")
TRAINED_ON = option("--device", metavar="NAME", help="cpu, cuda or mps.")
TRAINING_QUIET = option("--quiet", "-q", default=False, help="Show no progress.")


def rerank_count(rerank: int | None, no_rerank: bool, reranker: str | None) -> int | None:
    """How many candidates RERANK and NO_RERANK together ask for, None: as usual. `reranker`: one that must not go
    unused. Raises UsageError."""
    from indexer.errors import UsageError

    if no_rerank and rerank is not None:
        raise UsageError("--rerank and --no-rerank exclude each other; give one.")
    if reranker is not None and (no_rerank or rerank == 0):
        raise UsageError("--reranker names what reranks, and --no-rerank leaves it out; give one.")
    return 0 if no_rerank else rerank


def store_in(arguments: "Sequence[str]") -> str | None:
    """The store that a command line names last, as far as that can be told without parsing it in full.

    `search.resident.plain_query` takes no line of which this could be wrong.
    """
    long, short = STORE.flags
    named = None
    for at, given in enumerate(arguments):
        if given == "--":
            break
        if at and arguments[at - 1] == "--sort":
            continue  # -size is no store
        if given in STORE.flags:
            named = arguments[at + 1] if at + 1 < len(arguments) else None
        elif given.startswith(f"{long}="):
            named = given[len(long) + 1 :]
        elif given.startswith(short):
            named = given[len(short) :].removeprefix("=")
    return named
