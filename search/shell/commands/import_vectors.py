"""`search import`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.console.exit_codes import FOUND, NOTHING_FOUND
from search.shell.opened_library import library as library_of
from search.shell.options import AS_JSON, DEVICE, STORE, Options, argument, option

if TYPE_CHECKING:
    from pathlib import Path


class ImportOptions(Options):
    """The options of `search import`."""

    EXAMPLES = (
        "search import ~/vectors                                       what `search export` wrote",
        "search import ~/clip ~/Pictures --encoder bundled             clip-retrieval's folders",
    )

    source: Path = argument("SOURCE", help="An export, a folder of clip-retrieval, or the database of rclip.")
    folders: list[Path] | None = argument(
        "FOLDER", default=None, help="Where the photographs lie (default: as the source says)."
    )
    encoder: str | None = option(
        "--encoder", metavar="NAME", help="What made the vectors, where the source does not say."
    )
    device: str | None = DEVICE
    store: Path | None = STORE
    as_json: bool = AS_JSON
    quiet: bool = option("--quiet", "-q", default=False, help="Show no progress.")


def run(options: ImportOptions) -> int:
    """Take over vectors that were computed before, without encoding; see docs/import-export.md."""
    import dataclasses

    from indexer.counted import counted
    from search.shell.printing import print_json, print_line
    from search.shell.progress_bar import listener

    with (
        library_of(options.store, options.encoder, options.device) as library,
        listener(options.quiet or options.as_json) as progress,
    ):
        found = library.import_from(options.source, *(options.folders or ()), progress=progress)
    code = FOUND if found.images or found.texts else NOTHING_FOUND
    if options.as_json:
        print_json(dataclasses.asdict(found))
        return code
    print_line(
        f"{counted(found.images, 'image')} and {counted(found.texts, 'text')} came in from {found.source} "
        f"({found.kind}), by {found.encoder}."
    )
    print_line(f"Indexed from now on: {', '.join(found.roots)}.")
    for count, why in (
        (found.gone, "no longer there"),
        (found.changed, "changed since"),
        (found.outside, "outside of the folders, or forgotten"),
        (found.turned, "encoded without their EXIF orientation"),
        (found.damaged, "damaged"),
    ):
        if count:
            print_line(f"Left out: {count:,}, {why}.")
    if found.changed or found.turned:
        print_line("`search index` encodes what is there and was left out.")
    if found.tokens:
        print_line(f"{counted(found.tokens, 'content')} came with tokens for the reranker.")
    if found.tokens_left_out:
        print_line(
            "Its tokens for the reranker were left out: the index keeps none, or others (search index --tokens)."
        )
    if found.cosine is not None:
        print_line(f"A sample that was encoded anew agrees (mean cosine {found.cosine:.4f}).")
    return code
