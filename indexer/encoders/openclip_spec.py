"""What may stand after `open_clip:`, read without importing open_clip.

    ViT-B-32/laion2b_s34b_b79k              an architecture and one of its published weights
    hf-hub:organisation/repository          a repository with an open_clip_config.json and its weights
    hf-hub:organisation/repository@commit   one commit of it, which no later one takes the place of
    local-dir:/path/to/folder               the same two files in a folder
    ViT-B-32@/path/to/weights.safetensors   an architecture and a checkpoint file (.safetensors, .pt, .pth, .bin)

`@` stands in no name of an architecture, repository or tag, so the last form is never taken for another one, whatever
is in the path. Relative paths and `~` are resolved at once: a name that is stored works from every folder.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Literal

from indexer.encoders.hub import check_repository
from indexer.errors import EncoderUnavailableError
from indexer.paths import absolute

PREFIX = "open_clip:"
HUB_PREFIX = "hf-hub:"
FOLDER_PREFIX = "local-dir:"

FORMS = "MODEL/TAG, hf-hub:ORGANISATION/REPOSITORY, local-dir:FOLDER or MODEL@CHECKPOINT"

#: What to do about a path where nothing is.
_MOUNTED = "check the spelling, or whether its drive is mounted"

_COMMIT = re.compile("[0-9a-f]{40}")
_CHECKPOINTS = (".safetensors", ".pt", ".pth", ".bin", ".ckpt")


@dataclass(frozen=True, slots=True)
class OpenClipSpec:
    """`source` is a tag ("published"), a repository ("hub") or an absolute path ("folder", "file").

    `model` is the architecture; a repository and a folder bring their own, and it is empty. `revision`: a commit of a
    repository, 40 hex digits, where one is asked for.
    """

    kind: Literal["published", "hub", "folder", "file"]
    model: str
    source: str
    revision: str | None = None

    @property
    def name(self) -> str:
        """The one spelling of this spec, with the prefix: what an index stores and what `--encoder` takes."""
        match self.kind:
            case "published":
                return f"{PREFIX}{self.model}/{self.source}"
            case "hub":
                revision = "" if self.revision is None else f"@{self.revision}"
                return f"{PREFIX}{HUB_PREFIX}{self.source}{revision}"
            case "folder":
                return f"{PREFIX}{FOLDER_PREFIX}{self.source}"
            case "file":
                return f"{PREFIX}{self.model}@{self.source}"


def parse_spec(text: str) -> OpenClipSpec:
    """Read a spec, with or without `open_clip:` before it.

    Raises EncoderUnavailableError when it has none of the forms, or names a file or folder that is not there. Whether
    the architecture and the tag exist only open_clip knows.
    """
    text = text.strip().removeprefix(PREFIX)
    if text.startswith(HUB_PREFIX):
        repo, at, revision = text.removeprefix(HUB_PREFIX).partition("@")
        repo = repo.strip("/")
        organisation, _, repository = repo.partition("/")
        if not organisation or not repository or "/" in repository:
            raise EncoderUnavailableError(f"{text!r} names no repository; write hf-hub:ORGANISATION/REPOSITORY.")
        check_repository(repo)
        if at and not _COMMIT.fullmatch(revision):
            raise EncoderUnavailableError(
                f"{revision!r} in {text!r} is no commit of a repository; write its 40 hex digits, or leave it out."
            )
        return OpenClipSpec("hub", "", repo, revision or None)
    if text.startswith(FOLDER_PREFIX):
        path = absolute(text.removeprefix(FOLDER_PREFIX))
        if not os.path.isdir(path):
            raise EncoderUnavailableError(f"There is no folder {path}, which {text!r} names; {_MOUNTED}.")
        return OpenClipSpec("folder", "", path)
    if text.startswith(("/", ".", "~")) or ("@" not in text and text.lower().endswith(_CHECKPOINTS)):
        raise EncoderUnavailableError(
            f"{text!r} is a path without an architecture; write MODEL@CHECKPOINT, as in "
            "ViT-B-32@/path/to/weights.safetensors, or local-dir:FOLDER."
        )
    if "@" in text:
        model, _, path = text.partition("@")
        if not model or not path:
            raise EncoderUnavailableError(f"{text!r} is incomplete; write MODEL@CHECKPOINT.")
        path = absolute(path)
        if not os.path.isfile(path):
            raise EncoderUnavailableError(f"There is no checkpoint file {path}, which {text!r} names; {_MOUNTED}.")
        return OpenClipSpec("file", _model(model), path)
    model, _, tag = text.rpartition("/")
    if not model or not tag:
        raise EncoderUnavailableError(f"{text!r} does not say which weights; write {FORMS}.")
    return OpenClipSpec("published", _model(model), tag.lower().replace("-", "_"))  # as open_clip spells tags


def _model(name: str) -> str:
    return name.replace("/", "-")  # OpenAI wrote ViT-B/32
