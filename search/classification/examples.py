"""Photographs in a folder by class, FOLDER/CLASS/..., become vectors and labels.

Each content counts once: a copy in its own class would be trained on and measured with, and of one that lies in two
classes nobody knows which is right.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from indexer.counted import counted
from indexer.errors import UsageError
from indexer.progress import Progress
from indexer.types import Candidate, Failure, Float32, Int64
from search.classification.classes import check_classes, legible, spoken
from search.classification.features import Feature, FeatureReader
from search.ground_truth.labelled_folder import LabelledFolder, read_labelled_folder

#: Photographs of one folder: 360 MB of vectors of 448 numbers.
MOST: Final = 200_000
#: Photographs that a note names.
_NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class ByClass:
    """What a folder holds. `classes`: in their order; `labels` (n,) int64: of each candidate the position of its class;
    `notes`: sentences about what was left out."""

    folder: str
    candidates: tuple[Candidate, ...]
    labels: Int64
    classes: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Examples:
    """Photographs that were read, each content once, in the order of the folder. `vectors` (n, d) float32, unit norm;
    `labels` (n,) int64, positions in `classes`; `digests`: SHA-256 of the contents; `paths`: of the files."""

    classes: tuple[str, ...]
    vectors: Float32
    labels: Int64
    digests: tuple[bytes, ...]
    paths: tuple[str, ...]
    notes: tuple[str, ...]
    failures: tuple[Failure, ...]

    def chosen(self, which: np.ndarray) -> Examples:
        """Those where `which` (n,) bool is True."""
        rows = np.flatnonzero(which).tolist()
        return replace(
            self,
            vectors=self.vectors[rows],
            labels=self.labels[rows],
            digests=tuple(self.digests[row] for row in rows),
            paths=tuple(self.paths[row] for row in rows),
        )


def read_by_class(folder: str | os.PathLike[str], among: Sequence[str] | None = None) -> ByClass:
    """What lies below the subfolders of `folder`, whose names are the classes.

    `among`: the classes that are known, by their names or the same with spaces for underscores; subfolders of others
    are left out, and a note says so. Raises PathNotFoundError; UsageError for a folder that has not two classes, or two
    that can hardly be told apart, or too many of them.
    """
    found = read_labelled_folder(folder, "name one whose subfolders are classes, each with photographs in it")
    notes = [f"{problem.path} could not be looked at: {problem.reason}." for problem in found.problems[:_NAMED]]
    if found.loose:
        notes.append(f"{counted(found.loose, 'photograph')} in no subfolder of {found.folder} left out, without class.")
    if not found.rows:
        raise UsageError(
            f"{found.folder} has no photographs in subfolders; put those of each class into a folder with its name."
        )
    if len(found.rows) > MOST:
        raise UsageError(f"{found.folder} has {len(found.rows):,} photographs, and {MOST:,} are the most.")
    folders = list(dict.fromkeys(name for _, name in found.rows))
    named = {name: legible(name) for name in folders}
    nameless = [name for name in folders if not named[name]]
    if nameless:
        raise UsageError(f"{found.folder} has a folder whose name cannot be read, {nameless[0]!r}; give it another.")
    if among is None:
        if len(folders) == 1 and found.empty:
            raise UsageError(
                f"{found.folder} has photographs of one class only, {named[folders[0]]}: {_lacking(found)}."
            )
        check_classes([named[name] for name in folders], found.folder)
        if found.empty:
            notes.append(f"{counted(len(found.empty), 'folder')} left out: {_lacking(found)}.")
        classes = tuple(named.values())
        positions = {name: at for at, name in enumerate(folders)}
    else:
        classes = tuple(among)
        known = {key(name): at for at, name in enumerate(classes)}
        positions = {name: known[key(named[name])] for name in folders if key(named[name]) in known}
        notes += _about_others([named[name] for name in folders if name not in positions], found.folder)
    rows = [(candidate, positions[name]) for candidate, name in found.rows if name in positions]
    if not rows:
        raise UsageError(f"No folder in {found.folder} is called as one of the {len(classes):,} classes; rename them.")
    candidates = tuple(candidate for candidate, _ in rows)
    return ByClass(found.folder, candidates, np.array([at for _, at in rows], np.int64), classes, tuple(notes))


def read_examples(by_class: ByClass, reader: FeatureReader, progress: Progress) -> Examples:
    """The vectors of what was found, each content once. Raises UsageError where not one can be read, EncoderError,
    StoreError, and what `progress` raises."""
    before = len(reader.counts.failures)
    position = {candidate.path: at for at, candidate in enumerate(by_class.candidates)}
    firsts: dict[bytes, Feature] = {}
    label_of: dict[bytes, int] = {}
    torn: dict[bytes, tuple[Feature, int]] = {}
    copies = 0
    for each in reader.read(by_class.candidates, progress):
        label = int(by_class.labels[position[each.candidate.path]])
        if each.digest not in firsts:
            firsts[each.digest], label_of[each.digest] = each, label
        elif label_of[each.digest] == label:
            copies += 1
        else:
            torn.setdefault(each.digest, (each, label))
    failures = tuple(reader.counts.failures[before:])
    notes = [*by_class.notes, *_about_failures(failures)]
    if torn:
        digest, (other, label) = next(iter(torn.items()))
        one, two = by_class.classes[label_of[digest]], by_class.classes[label]
        said = (
            f"{counted(len(torn), 'photograph')} in two classes left out, as nobody knows which is right (first: "
            f"{firsts[digest].candidate.path} in {one} and {other.candidate.path} in {two})."
        )
        if len(torn) == len(firsts):
            raise UsageError(f"Nothing in {by_class.folder} can be learned from: {said}")
        notes.append(said)
    if copies:
        notes.append(f"{copies:,} {'copy' if copies == 1 else 'copies'} left out: each photograph counts once.")
    kept = [each for digest, each in firsts.items() if digest not in torn]
    if not kept:
        why = f" (first: {failures[0].path}: {failures[0].reason})" if failures else ""
        raise UsageError(f"Not one photograph in {by_class.folder} can be used{why}; look at the files.")
    return Examples(
        by_class.classes,
        np.stack([each.vector for each in kept]),
        np.array([label_of[each.digest] for each in kept], np.int64),
        tuple(each.digest for each in kept),
        tuple(each.candidate.path for each in kept),
        tuple(notes),
        failures,
    )


def unseen(found: Examples, folder: str, seen: Callable[[bytes], bool]) -> Examples:
    """What can be measured on: those of `folder` whose digests a probe was not trained on, with a note about the
    others. Raises UsageError where none is left."""
    new = np.array([not seen(digest) for digest in found.digests], bool)
    if not new.any():
        raise UsageError(
            f"All photographs in {folder} are examples that the probe was trained on, which says nothing of how right "
            "it is; name a folder of others."
        )
    if new.all():
        return found
    note = f"{counted(int((~new).sum()), 'photograph')} not measured on, as the probe was trained on the same."
    return replace(found.chosen(new), notes=(*found.notes, note))


def key(name: str) -> str:
    """What two names of a class are compared by."""
    return spoken(name).casefold()


def _lacking(found: LabelledFolder) -> str:
    """Which folder has no photograph, and what is there instead."""
    name, other = next(iter(found.empty.items()))
    path = os.path.join(found.folder, name)
    barred = next((each for each in found.problems if each.path == path), None)
    if barred is not None:
        why = f"cannot be looked at ({barred.reason})"
    else:
        why = "has no photograph" + (f" ({other} is none)" if other else "")
    return f"{legible(name) or repr(name)} {why}" + (", and others have none either" if len(found.empty) > 1 else "")


def _about_others(names: Sequence[str], folder: str) -> list[str]:
    if not names:
        return []
    listed = ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
    return [f"{counted(len(names), 'folder')} in {folder} left out, as none of the classes is called so: {listed}."]


def _about_failures(failures: Sequence[Failure]) -> list[str]:
    if not failures:
        return []
    first = failures[0]
    return [
        f"{counted(len(failures), 'photograph')} left out that cannot be read (first: {first.path}: {first.reason})."
    ]
