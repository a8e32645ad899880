"""What is said of an open_clip model whose files are not on this machine: what it is called, and what to bring."""

from __future__ import annotations

from collections.abc import Sequence

from indexer.encoders import hub
from indexer.encoders.openclip_spec import PREFIX, OpenClipSpec
from indexer.encoders.presets import known_sums, typed_name


def called(spec: OpenClipSpec) -> str:
    """The subject of a sentence: a repository, by the name of the preset that pins it where one does; a model."""
    if spec.kind == "published":
        return f"The encoder {spec.model}/{spec.source}"
    name = typed_name(spec.name)
    return spec.source if name == spec.name else f"The encoder {name} ({spec.source})"


def bring_folder(spec: OpenClipSpec, config: str, weights: Sequence[str]) -> str:
    """What to do where a repository cannot be fetched. `config`: the file that describes a model; `weights`: what files
    of weights are called."""
    commit = "" if spec.revision is None else f" at commit {spec.revision[:12]}"
    file = next((name for name in known_sums(spec.source, spec.revision) if name in weights), "the weights")
    return (
        f"{hub.CONNECT}, or bring {config}, {file} and, where it has them, tokenizer.json and tokenizer_config.json of "
        f"the repository {spec.source}{commit} into a folder here from another machine and "
        f"name it: `encoder='{PREFIX}local-dir:/path/to/folder'`"
    )


def bring_file(spec: OpenClipSpec, repository: str, file: str) -> str:
    """What to do where published weights cannot be fetched, which are this file of the repository."""
    name = f"{PREFIX}{spec.model}@/path/to/{file}"
    return (
        f"{hub.CONNECT}, or bring the file {file} of its repository {repository} here from another machine and "
        f"name it: `encoder={name!r}`"
    )
