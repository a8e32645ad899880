"""`search classify`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from search.console.exit_codes import FOUND, NOTHING_FOUND, SOME_FAILED
from search.shell.opened_library import library as library_of
from search.shell.options import AS_JSON, DEVICE, STORE, Options, argument, option

if TYPE_CHECKING:
    from pathlib import Path

    from search.query.filter import Filter

#: Bytes of a file of names: 10,000 names of 200 letters.
_MOST_BYTES: Final = 10_000_000


class ClassifyOptions(Options):
    """The options of `search classify`."""

    EXAMPLES = (
        "search classify ./new --probe pets",
        'search classify --classes "cat,dog,red car" --query "in:2024"',
        "search classify ./test --probe pets --report",
    )

    photographs: list[str] | None = argument(
        "PHOTOGRAPHS", default=None, help="Files and folders; none: all that is indexed, which needs no decoding."
    )
    probe: str | None = option(
        "--probe", metavar="NAME", help="A probe of the store, or its file (default: the store's, where it has one)."
    )
    classes: str | None = option(
        "--classes", metavar="LIST", help='Names instead, with commas between them: "cat,dog,red car". No examples.'
    )
    classes_file: Path | None = option("--classes-file", metavar="FILE", help="The same, one name a line.")
    query: str | None = option(
        "--query", metavar="FILTERS", help='Of what is indexed only what fits: "in:2024 country:it".'
    )
    templates: bool | None = option(
        "--templates/--no-templates",
        help='Ask for names as captions say them, "a photo of a cat" (default: the encoder\'s own choice).',
    )
    top: int = option("--top", "-k", default=1, metavar="N", help="How many classes of each photograph.")
    report: bool = option(
        "--report",
        default=False,
        help="PHOTOGRAPHS is one folder, its subfolders' names are the right classes: say how right the answers are.",
    )
    store: Path | None = STORE
    encoder: str | None = option("--encoder", metavar="NAME", help="Of photographs that are named: which model.")
    device: str | None = DEVICE
    as_json: bool = AS_JSON
    quiet: bool = option("--quiet", "-q", default=False, help="Show no progress.")


def run(options: ClassifyOptions) -> int:
    """Say which of your classes each photograph is: by a probe that was trained, or by the classes' names alone."""
    from search.console.wording import worded
    from search.shell import printing
    from search.shell.progress_bar import listener

    where = None if options.query is None else _filter(options.query)
    classes = _classes(options)
    with (
        library_of(options.store, options.encoder, options.device) as library,
        listener(options.quiet or options.as_json) as progress,
    ):
        found = worded(
            library.classify(
                *(options.photographs or ()),
                probe=options.probe,
                classes=classes,
                where=where,
                templates=options.templates,
                top=options.top,
                report=options.report,
                progress=progress,
            )
        )
    if options.as_json:
        printing.print_json_rows(found.head_json(), "photographs", (each.to_json() for each in found))
    else:
        from search.shell.classification_table import classified_lines, count_lines

        for line in classified_lines(found):
            printing.print_line(line)
        if len(found) > 1 and found.report is None and sys.stdout.isatty():  # else it is a program that reads lines
            printing.print_line()
            for line in count_lines(found):
                printing.print_line(line)
    for failure in () if options.as_json else found.failures:
        printing.complain(f"{failure.path}: {failure.reason}")
    return SOME_FAILED if found.failures else FOUND if len(found) else NOTHING_FOUND


def _filter(line: str) -> Filter:
    from search.query.filter import Filter

    return Filter.parse(line)


def _classes(options: ClassifyOptions) -> tuple[str, ...] | None:
    """The names that were given. Raises UsageError."""
    from indexer.errors import PathNotFoundError, UsageError
    from search.classification.classes import names_between_commas, names_in

    if options.classes is not None and options.classes_file is not None:
        raise UsageError("--classes and --classes-file exclude each other; give one.")
    if options.classes is not None:
        return names_between_commas(options.classes)
    if options.classes_file is None:
        return None
    from indexer.paths import absolute
    from indexer.reach import beginning, reason
    from indexer.text import decode_text

    path = absolute(options.classes_file)
    try:
        data = beginning(path, _MOST_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise PathNotFoundError(f"{path} is not there; check the spelling.") from None
    except (OSError, ValueError) as error:
        why = reason(error) if isinstance(error, OSError) else "no file has such a name"
        raise UsageError(f"{path} cannot be read ({why}); name a file with one class a line.") from error
    if len(data) > _MOST_BYTES:
        raise UsageError(f"{path} has more than {_MOST_BYTES:,} bytes; name a file with one class a line.")
    return names_in(decode_text(data))
