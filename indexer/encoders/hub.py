"""Files of a model on the Hugging Face hub: from the local cache without any network, else downloaded.

A hub that cannot be reached is an error within `PROBE_SECONDS`, never a hang: the hub's client retries for minutes,
and a name server that does not answer is bounded by no socket timeout, so one short request in a thread of its own
goes ahead of every download. `HF_ENDPOINT`, `HF_HUB_OFFLINE`, the cache folder, tokens and proxies mean what
huggingface_hub says they mean.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from indexer.errors import EncoderUnavailableError

#: Long enough for a name look-up, a TLS handshake and one answer on a slow line; short enough for a promise of 5 s.
PROBE_SECONDS = 3.5

#: Each half of a repository's name, and how long the whole can be: by the rules of the hub's client, in ASCII.
_NAME = r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?"
_LONGEST = 193

#: What ends every message about a hub that cannot be had; what follows it is for a machine without a network.
CONNECT = "connect this machine to the network and run the same command again"
NEXT_STEP = (
    f"{CONNECT}, or bring the weights here and name them: `encoder='open_clip:MODEL@/path/to/weights.safetensors'` or "
    "`encoder='open_clip:local-dir:/path/to/folder'`"
)
_ERRNO = re.compile(r"\[Errno -?\d+\] ?")


class NotOnThisMachineError(EncoderUnavailableError):
    """Files of a repository are not in the cache, and nobody asked for a download."""


class UnreachableError(EncoderUnavailableError):
    """Files of a repository would have to be fetched, and the hub cannot be had."""


def check_repository(repo: str) -> None:
    """Raise EncoderUnavailableError for what can be no repository of the hub."""
    if len(repo) > _LONGEST or not re.fullmatch(f"({_NAME}/)?{_NAME}", repo) or ".." in repo or "--" in repo:
        raise EncoderUnavailableError(
            f"{repo[:_LONGEST]!r} can be no repository of a hub, whose names are letters, digits, '-', '_' and '.'; "
            "write ORGANISATION/REPOSITORY."
        )


def fetch(
    repo: str,
    names: Sequence[str],
    next_step: str = NEXT_STEP,
    *,
    revision: str | None = None,
    sums: Mapping[str, str] | None = None,
    download: bool = True,
    called: str | None = None,
) -> str:
    """The path of one file of `repo`: the first of `names` that is cached, else the first that can be downloaded.

    `revision`: a commit of the repository; None takes its newest, and nothing cached is checked for a newer one.
    `sums`: SHA-256 in hex of files by name; one of another content is refused, and where the sums name one of `names`
    no other is taken. Without `download` the network is never asked. `called`: what messages call the repository.
    Raises EncoderUnavailableError, ending with `next_step`: NotOnThisMachineError without `download`, UnreachableError
    where the hub cannot be had.
    """
    from huggingface_hub import try_to_load_from_cache

    check_repository(repo)
    require_cache(repo, next_step)
    sums = sums or {}
    names = [name for name in names if name in sums] or names
    for name in names:
        cached = try_to_load_from_cache(repo, name, revision=revision)
        if isinstance(cached, str):
            return _verified(cached, sums.get(name))
    if not download:
        raise NotOnThisMachineError(f"{repo} is not on this machine; {next_step}.")
    name, path = _download(repo, names, revision, next_step, called or repo)
    return _verified(path, sums.get(name))


def _download(repo: str, names: Sequence[str], revision: str | None, next_step: str, called: str) -> tuple[str, str]:
    """The first of `names` that the hub has, and where it is kept now. Raises EncoderUnavailableError."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    require_reachable(repo, next_step, called)
    for name in names:
        try:
            return name, hf_hub_download(repo, name, revision=revision, endpoint=endpoint())
        except LocalEntryNotFoundError as error:  # the network broke, and it looked into the cache again
            raise _failed(called, error, next_step) from error
        except EntryNotFoundError:
            continue
        except Exception as error:  # the client raises its own errors and those of its HTTP library
            raise _failed(called, error, next_step) from error
    raise EncoderUnavailableError(f"{repo} at {endpoint()} offers no {' or '.join(names)}; {next_step}.")


def _verified(path: str, wanted: str | None) -> str:
    """`path`, when its SHA-256 is `wanted` or none is. Raises EncoderUnavailableError."""
    if wanted is None:
        return path
    try:
        with open(path, "rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise EncoderUnavailableError(f"The model file {path} cannot be read ({error.strerror}).") from error
    if found != wanted:
        raise EncoderUnavailableError(
            f"The model file {os.path.realpath(path)} is not the one that was published (SHA-256 {found[:12]}, wanted "
            f"{wanted[:12]}), so it is not used; delete it and run the same command again."
        )
    return path


def fetch_folder(
    repo: str,
    needed: Sequence[str],
    patterns: Sequence[str],
    next_step: str = NEXT_STEP,
    *,
    revision: str | None = None,
    sums: Mapping[str, str] | None = None,
    download: bool = True,
) -> str:
    """The path of a folder that holds the files of `repo` matching `patterns`.

    The cached copy counts when at least one of `needed` is in it. `revision`, `sums`: as for `fetch`; raises as it.
    """
    known = {name: wanted for name, wanted in (sums or {}).items() if name in needed}
    folder = _folder(repo, list(known) or needed, patterns, next_step, revision, download=download)
    for name, wanted in known.items():
        _verified(os.path.join(folder, name), wanted)
    return folder


def _folder(
    repo: str, needed: Sequence[str], patterns: Sequence[str], next_step: str, revision: str | None, *, download: bool
) -> str:
    from huggingface_hub import snapshot_download, try_to_load_from_cache

    check_repository(repo)
    require_cache(repo, next_step)
    for name in needed:
        cached = try_to_load_from_cache(repo, name, revision=revision)
        if isinstance(cached, str):
            return os.path.dirname(cached)
    if not download:
        raise NotOnThisMachineError(f"{repo} is not on this machine; {next_step}.")
    require_reachable(repo, next_step)
    try:
        folder = snapshot_download(repo, revision=revision, allow_patterns=list(patterns), endpoint=endpoint())
    except Exception as error:  # as above
        raise _failed(repo, error, next_step) from error
    if not any((Path(folder) / name).is_file() for name in needed):
        raise EncoderUnavailableError(f"{repo} at {endpoint()} offers no {' or '.join(needed)}; {next_step}.")
    return folder


def endpoint() -> str:
    """The address of the hub, without a slash at its end."""
    from huggingface_hub import constants

    return (os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/")


def require_cache(repo: str, next_step: str = NEXT_STEP) -> None:
    """Raise EncoderUnavailableError where the hub's client would make its cache in a folder that is called "~"."""
    from huggingface_hub import constants

    if constants.HF_HUB_CACHE.startswith("~"):
        raise EncoderUnavailableError(
            f"There is no home folder to keep {repo} in (HOME is not set); set HF_HOME to a folder, or {next_step}."
        )


def is_told_offline() -> bool:
    """Whether the environment forbids downloading."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}


def require_reachable(repo: str, next_step: str = NEXT_STEP, called: str | None = None) -> None:
    """Return when the hub answers; raise UnreachableError within PROBE_SECONDS when it does not."""
    from huggingface_hub import constants

    if is_told_offline() or constants.HF_HUB_OFFLINE:
        reason = "HF_HUB_OFFLINE forbids downloading"
    else:
        unreachable = _why_unreachable(f"{endpoint()}/{repo}", PROBE_SECONDS)
        if unreachable is None:
            return
        reason = f"{endpoint()} cannot be reached ({unreachable})"
    raise UnreachableError(f"{called or repo} is not on this machine and {reason}; {next_step}.")


def _why_unreachable(url: str, seconds: float) -> str | None:
    """None when the server of `url` answers in time (even "not found"), else the reason."""
    from huggingface_hub import get_session

    outcome: list[str | None] = []

    def ask() -> None:
        try:
            status = get_session().head(url, timeout=seconds).status_code
            # A proxy or gateway answers for a hub that it cannot reach itself.
            outcome.append(f"it answers with status {status}" if status == 407 or status >= 500 else None)
        except Exception as error:  # whatever the HTTP library raises: the reason is for a person
            outcome.append(_first_line(error))

    thread = threading.Thread(target=ask, name="hub-probe", daemon=True)
    thread.start()
    thread.join(seconds)
    return outcome[0] if outcome else f"no answer within {seconds:g} seconds"


def _failed(called: str, error: Exception, next_step: str = NEXT_STEP) -> UnreachableError:
    return UnreachableError(f"{called} could not be fetched from {endpoint()} ({_first_line(error)}); {next_step}.")


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return _ERRNO.sub("", lines[0]).rstrip(".") if lines else type(error).__name__
