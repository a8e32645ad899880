"""Assembles the commands into typer's program. What a command raises becomes a sentence and an exit code in `run`."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from indexer.errors import SearchError, UsageError
from indexer.store_address import store_folder
from search import __version__
from search.console.exit_codes import FOUND, INTERRUPTED, MEANINGS, WRONG_USE
from search.shell.commands import (
    calibrate,
    classify,
    compact,
    doctor,
    evaluate,
    export,
    forget,
    import_vectors,
    index,
    mcp,
    merge,
    models,
    probe_train,
    query,
    roots,
    roots_move,
    serve,
    split,
    status,
    train_encoder,
    train_reranker,
)
from search.shell.grouped_help import GroupedCommand
from search.shell.options import STORE, Option, Options

#: Every command: its options, and what it does. In the order of the help.
COMMANDS: dict[str, tuple[type[Options], Callable[..., int]]] = {
    "index": (index.IndexOptions, index.run),
    "query": (query.QueryOptions, query.run),
    "eval": (evaluate.EvaluateOptions, evaluate.run),
    "classify": (classify.ClassifyOptions, classify.run),
    "calibrate": (calibrate.CalibrateOptions, calibrate.run),
    "status": (status.StatusOptions, status.run),
    "serve": (serve.ServeOptions, serve.run),
    "mcp": (mcp.McpOptions, mcp.run),
    "roots list": (roots.RootsOptions, roots.run),
    "roots move": (roots_move.RootsMoveOptions, roots_move.run),
    "export": (export.ExportOptions, export.run),
    "import": (import_vectors.ImportOptions, import_vectors.run),
    "merge": (merge.MergeOptions, merge.run),
    "split": (split.SplitOptions, split.run),
    "forget": (forget.ForgetOptions, forget.run),
    "compact": (compact.CompactOptions, compact.run),
    "models": (models.ModelsOptions, models.run),
    "doctor": (doctor.DoctorOptions, doctor.run),
    "probe train": (probe_train.ProbeTrainOptions, probe_train.run),
    "train encoder": (train_encoder.TrainEncoderOptions, train_encoder.run),
    "train reranker": (train_reranker.TrainRerankerOptions, train_reranker.run),
}
#: Commands of two words, by the first.
_GROUPS = {
    "probe": "Train classifiers of your own classes on examples in folders.",
    "roots": "List the indexed folders, or say that one is at another place now.",
    "train": "Train parts of the search on your own pairs of images and texts.",
}

_CODES = ", ".join(f"{code} {meaning}" for code, meaning in MEANINGS.items() if code != INTERRUPTED)
_STYLE: dict[str, Any] = {
    "no_args_is_help": True,
    "rich_markup_mode": None,  # help without importing rich: twice as fast
    "context_settings": {"help_option_names": ["-h", "--help"]},
}


def parsed(arguments: list[str]) -> int:
    """Parse and run a command; the exit code.

    Raises SearchError, KeyboardInterrupt, OutputLostError, and what nobody foresaw.
    """
    if arguments[:1] == ["help"]:
        arguments = [*arguments[1:], "--help"]
    _check(arguments)
    if arguments[:1] == ["roots"] and all(re.match("-(?!h$|-help$)", each) for each in arguments[1:2]):
        arguments = ["roots", "list", *arguments[1:]]
    if arguments[:1] == ["query"] and any(re.match("-[^-]", each) for each in arguments):
        from search.shell.minus import with_line_behind

        rows, types = query.QueryOptions.rows(), query.QueryOptions.types()
        arguments = ["query", *with_line_behind(rows, types, arguments[1:])]
    try:
        return program().main(arguments, prog_name="search", standalone_mode=False) or FOUND
    except typer.Abort:
        raise KeyboardInterrupt from None
    except SystemExit as error:  # typer's answer to any pipe that broke, none of ours (`streams.py`): its exit code
        raise (error.__context__ or error) from None  # says that nothing was found
    except SearchError:
        raise
    except Exception as error:
        if not hasattr(error, "format_message"):  # as typer's own complaints have; their class depends on its version
            raise
        if type(error).__name__ == "NoArgsIsHelpError":  # its message is the help
            error.show()  # type: ignore[attr-defined]
            return WRONG_USE
        from search.shell.slips import complaint

        raise UsageError(
            complaint(error, arguments, {name: options for name, (options, _) in COMMANDS.items()})
        ) from None


def _check(arguments: list[str]) -> None:
    """Raises UsageError for a command line that begins with no command, or has an empty argument: as a path that
    would be the working folder, and `index` or `--copy-to` would work on something that nobody has named."""
    known = {name.split()[0] for name in COMMANDS}
    if arguments and arguments[0] not in known | {"-h", "--help", "--version"}:
        from search.shell.slips import no_command

        raise no_command(arguments, known)
    empty = next((at for at, given in enumerate(arguments) if not given or re.fullmatch("--[a-z0-9-]+=", given)), None)
    if empty is not None:
        raise UsageError(
            f"Argument {empty} of `search {arguments[0]}` is empty; is it a variable that is not set? Give it a value."
        )


@functools.cache
def program() -> Any:
    """What parses and calls the commands."""
    app = typer.Typer(
        name="search",
        help="Find photographs by words or by image, on your own machine.",
        epilog=f"Exit codes: {_CODES}. The index lives in --store, else SEARCH_STORE, else one place per user.",
        add_completion=False,
        **_STYLE,
    )
    groups = {name: typer.Typer(help=said, **_STYLE) for name, said in _GROUPS.items()}
    app.callback(invoke_without_command=True)(_root)
    for name, (options, work) in COMMANDS.items():
        group, _, command = name.rpartition(" ")
        said = work.__doc__ or ""
        short = f"{said.split(';')[0].rstrip('.')}."  # the list of commands would cut it anywhere
        examples = "\n  ".join(("\b\nExamples:", *options.EXAMPLES)) if options.EXAMPLES else None
        add = (groups[group] if group else app).command
        add(command, cls=GroupedCommand, help=said, short_help=short, epilog=examples)(_command(options, work))
    for name, said in _GROUPS.items():
        app.add_typer(groups[name], name=name, short_help=said)
    return typer.main.get_command(app)


def _root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        typer.echo(f"search {__version__}")
        raise typer.Exit


def _command(options: type[Options], work: Callable[[Any], int]) -> Callable[..., int]:
    """What typer calls, with the rows of `options` for its parameters."""

    def command(**given: object) -> int:
        return work(options(**given))

    types = get_type_hints(options, localns={"Path": Path})
    parameters = [_parameter(field, types[field], row) for field, row in options.rows().items()]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {each.name: each.annotation for each in parameters}
    return command


def _parameter(name: str, value: Any, row: Option) -> inspect.Parameter:
    """A row as typer knows it; `value`: the type of its values."""
    said: dict[str, Any] = {"metavar": row.metavar, "help": row.help, "readable": False}  # commands say why it is not
    said["rich_help_panel"] = row.group
    if row.flags == STORE.flags or row.metavar == "STORE":
        said["parser"] = store_folder
    declared = typer.Option(*row.flags, **said) if row.flags else typer.Argument(**said)
    default = inspect.Parameter.empty if row.default is ... else row.default
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[value, declared]
    )
