"""Which folders a run looks through, and by which patterns: roots, parts of roots, and roots inside roots.

A file below several roots belongs to the nearest. A folder below a root whose own patterns come to it is a part of that
root; one that they leave out, when it is named, becomes a root of its own, as does one that is given patterns.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from indexer.catalog.catalog import Catalog
from indexer.catalog.exclusions import Exclusions
from indexer.catalog.meta import IGNORE_RULES, Meta
from indexer.catalog.roots import Roots
from indexer.errors import PathNotFoundError, UsageError
from indexer.files.captions import SIDECARS, is_caption_table, sidecar_image
from indexer.files.ignores import Ignores, check_patterns, means_something_else
from indexer.files.inherited import inherited
from indexer.files.kinds import kind_of
from indexer.files.mounts import presence, why_away
from indexer.files.names import as_named
from indexer.files.scope import Scope, is_below, nearest, relative
from indexer.images.sniff import IMAGE_SUFFIXES, RAW_SUFFIXES, SNIFFED_BYTES, sniff
from indexer.path_forms import composed
from indexer.settings import DEFAULT_IGNORES, IndexSettings
from indexer.storage.globs import meant
from indexer.storage.looking import is_file, is_folder, is_there_named, names_in
from indexer.storage.places import container_of, is_container, is_elsewhere, is_url
from indexer.storage.reading import beginning


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is to be looked through. `given`: those of `patterns` that this run was given; `untold`: roots inside that
    have patterns of their own, to which those do not come."""

    scope: Scope
    patterns: tuple[str, ...]
    given: tuple[str, ...] = ()
    untold: tuple[str, ...] = ()


def named_paths(roots: Iterable[str | os.PathLike[str]]) -> list[str]:
    """Absolute paths of what a user named, each once; of a pattern all that matches now (`storage.globs`).

    Raises PathNotFoundError for what is not there, UsageError for a file that is neither an image nor captions, and for
    what lies in a folder that may not be looked into.
    """
    paths = list(dict.fromkeys(path for root in roots for path in meant(as_named(root))))
    for path in paths:
        if not is_there_named(path):
            drive = "the address of its server" if is_url(path) else "whether its drive is mounted"
            raise PathNotFoundError(f"{path} is not there; check the spelling, or {drive}.")
        if not is_folder(path) and not _is_indexable(path):
            raise UsageError(
                f"{path} is {_what(path)}, neither an image nor captions, and cannot be indexed; name an image or a "
                "folder of images."
            )
    return paths


def choose(
    catalog: Catalog,
    store_folder: str,
    named: Sequence[str],
    settings: IndexSettings,
    *,
    everything: bool,
    warn: Callable[[str], None],
) -> list[Chosen]:
    """What to look through: the `named` paths, or all roots that the store knows where none is named or `everything` is
    asked for; and the roots that lie inside them. Records new roots, changed patterns and lifted exclusions.

    Raises UsageError when there is nothing to index, or for patterns that are none or that are not there.
    """
    check_patterns(settings.ignores)
    return _Choice(catalog, settings, warn).choose(store_folder, named, everything=everything)


def saw_all(catalog: Catalog, chosen: Sequence[Chosen]) -> bool:
    """Whether all folders of the store were looked through."""
    with catalog.snapshot() as snapshot:
        return {row.path for row in Roots(snapshot).all()} <= {each.scope.top for each in chosen}


class _Choice:
    def __init__(self, catalog: Catalog, settings: IndexSettings, warn: Callable[[str], None]) -> None:
        self._catalog = catalog
        self._settings = settings
        self._warn = warn
        with catalog.snapshot() as snapshot:
            #: Patterns by root.
            self._roots = {row.path: row.ignores for row in Roots(snapshot).all()}
            self._mounts = {row.path: row.mount for row in Roots(snapshot).all()}
            self._excluded = set(Exclusions(snapshot).all())
            self._has_old_rules = Meta(snapshot).get(IGNORE_RULES) is None
        self._recorded = frozenset(self._roots)

    def choose(self, store_folder: str, named: Sequence[str], *, everything: bool) -> list[Chosen]:
        if not named and not self._roots:
            raise UsageError("Name a folder to index; this store has none yet.")
        named = list(dict.fromkeys(map(self._as_known, named)))
        lifted = [path for path in named if path in self._excluded]
        self._excluded.difference_update(lifted)
        whole, parts = self._sorted_out(named)
        asked = whole if named else list(self._roots)
        if everything or not named:
            whole = [*whole, *self._roots]
        tops = [*whole, *parts]
        inside = [root for root in self._roots if any(is_below(root, top) for top in tops)]
        present = [path for path in dict.fromkeys([*whole, *inside]) if self._is_there(path)]
        before = {path: self._roots[path] for path in self._recorded & self._roots.keys()}
        asked = [path for path in asked if path in present and is_folder(path)]
        if self._has_old_rules:
            self._tell_old_patterns(before)
        self._change_patterns(asked)
        with self._catalog.batch() as batch:
            Meta(batch).set(IGNORE_RULES, "gitignore")
            Exclusions(batch).lift(lifted)
            for path in present:
                if self._roots[path] != before.get(path):
                    Roots(batch).add(path, self._roots[path])
        self._tell_what_nests(present)
        found = [(path, path) for path in present] + list(parts.items())
        order = {path: at for at, path in enumerate(named)}
        found.sort(key=lambda each: order.get(each[0], len(order)))
        untold = {path: self._tell_untold(path, asked) for path in asked}
        return [
            Chosen(
                Scope(root, top, self._without(top, store_folder)),
                self._roots[root],
                self._settings.ignores if top in untold else (),
                untold.get(top, ()),
            )
            for top, root in found
        ]

    def _as_known(self, path: str) -> str:
        """The root that is meant, where the disk does not tell its name from this one (Unicode form, letter case)."""
        if path in self._roots:
            return path
        if is_elsewhere(path):
            return path
        alike = (root for root in self._roots if composed(root).casefold() == composed(path).casefold())
        return next((root for root in alike if os.path.exists(root) and os.path.samefile(root, path)), path)

    def _sorted_out(self, named: Sequence[str]) -> tuple[list[str], dict[str, str]]:
        """The named paths that are roots, new ones too, in the order of their names; and the parts of roots, with
        their roots."""
        gives_patterns = bool(self._settings.ignores or self._settings.unignores)
        gives_patterns |= self._settings.default_ignores is not None
        if gives_patterns and named and not any(map(is_folder, named)):
            raise UsageError(
                f"{named[0]} is a file, and patterns are those of folders; name the folder that they are for."
            )
        whole: list[str] = []
        parts: dict[str, str] = {}
        for path in sorted(named):  # a folder before what lies in it
            root = nearest(path, self._roots)
            if path in self._roots:
                whole.append(path)
            elif (
                root is not None
                and not (is_container(path) and container_of(root) is None)  # a scan of the root does not look into it
                and self._reaches(root, path)
                and (root in whole or not gives_patterns or not is_folder(path))
            ):
                if root not in whole and not any(is_below(path, part) for part in parts if parts[part] == root):
                    parts[path] = root
            else:
                whole.append(path)
                self._roots[path] = self._first_patterns(path, root)
        return whole, parts

    def _reaches(self, root: str, path: str) -> bool:
        """Whether a scan of `root` comes to `path` below it."""
        if any(is_below(path, excluded) and is_below(excluded, root) for excluded in self._excluded):
            return False
        return not Ignores(self._roots[root]).leaves_out(relative(path, root), is_folder=is_folder(path))

    def _first_patterns(self, path: str, around: str | None) -> tuple[str, ...]:
        """Of a new root: the default ones; of one inside another, those of the other as they read from here."""
        return DEFAULT_IGNORES if around is None else inherited(self._roots[around], relative(path, around))

    def _change_patterns(self, asked: Sequence[str]) -> None:
        """Of the roots that were asked for, as this run says. Raises UsageError for a pattern that is in none."""
        settings = self._settings
        for pattern in settings.unignores:
            if not any(pattern in self._roots[path] for path in asked):
                there = dict.fromkeys(p for path in asked for p in self._roots[path])
                known = ", ".join(there) or "none"
                raise UsageError(f"{pattern!r} is no pattern of {', '.join(asked)}; those are: {known}.")
        for path in asked:
            patterns = [p for p in self._roots[path] if p not in (*settings.unignores, *settings.ignores)]
            if settings.default_ignores is not None:
                patterns = [p for p in patterns if p not in DEFAULT_IGNORES]
            if settings.default_ignores:
                patterns = [*DEFAULT_IGNORES, *patterns]
            self._roots[path] = tuple(dict.fromkeys([*patterns, *settings.ignores]))

    def _is_there(self, path: str) -> bool:
        """Whether a root that is known can be looked at; says so where not, and drops a file that is no image."""
        found = presence(path, self._mounts.get(path))
        if found == "unmounted":
            self._warn(f"{path} cannot be reached ({why_away(path)}); what is indexed is kept.")
        if found != "there":  # of what is gone, `moved` has spoken
            return False
        if not is_folder(path) and not _is_indexable(path):
            self._warn(f"{path} is {_what(path)}, neither an image nor captions: it is no longer looked at.")
            with self._catalog.batch() as batch:
                Roots(batch).delete_below(path)
            del self._roots[path]
            return False
        return True

    def _without(self, top: str, store_folder: str) -> frozenset[str]:
        others = (*self._roots, *self._excluded, store_folder)
        return frozenset(path for path in others if is_below(path, top))

    def _tell_old_patterns(self, before: Mapping[str, Sequence[str]]) -> None:
        """Once, of a store whose patterns were given by the rules of before."""
        for path, patterns in before.items():
            changed = ", ".join(p for p in patterns if p not in DEFAULT_IGNORES and means_something_else(p))
            if changed:
                self._warn(
                    f"Patterns of {path} now follow gitignore's rules, and these may mean something else: {changed} "
                    "(a * no longer crosses slashes, ** does); `unignores` takes one away, `ignores` gives another."
                )

    def _tell_what_nests(self, present: Sequence[str]) -> None:
        """Of the roots that are new: which others they lie in, or hold."""
        for path in present:
            around = nearest(path, self._roots)
            if around is not None and not {path, around} <= self._recorded:
                what = "folder of its own in the index, with its own patterns"
                if not is_folder(path):
                    what = "file that is looked at by itself, whatever the patterns there say"
                self._warn(f"{path} lies inside {around} and is a {what}; `index({around!r})` brings both up to date.")

    def _tell_untold(self, path: str, asked: Sequence[str]) -> tuple[str, ...]:
        """The roots inside `path` that keep other patterns than this run gave to it, or took away; says so of each."""
        found: list[str] = []
        for root, patterns in self._roots.items():
            if root in asked or not is_below(root, path) or not is_folder(root):
                continue
            folder = relative(root, path)
            more = tuple(each for each in inherited(self._settings.ignores, folder) if each not in patterns)
            less = tuple(each for each in inherited(self._settings.unignores, folder) if each in patterns)
            if more or less:
                call = "".join(f", {name}={each!r}" for name, each in (("ignores", more), ("unignores", less)) if each)
                found.append(root)
                self._warn(
                    f"{root} lies inside {path} and has patterns of its own, which stay as they are; "
                    f"`index({root!r}{call})` changes them too."
                )
        return tuple(found)


def _is_indexable(path: str) -> bool:
    """Whether a file named by a user may be an image (a damaged one is a failure of the run) or captions."""
    folder, name = os.path.split(path)
    suffix = os.path.splitext(name)[1].lower()
    if suffix in IMAGE_SUFFIXES or is_caption_table(name):
        return is_file(path)
    if not is_file(path) or suffix in RAW_SUFFIXES:
        return False
    try:
        if suffix in SIDECARS:
            return sidecar_image(names_in(folder), name) is not None
        return sniff(beginning(path, SNIFFED_BYTES)) is not None
    except OSError:
        return True  # the run says why it cannot be read


def _what(path: str) -> str:
    if not is_file(path):
        return "no regular file"
    suffix = os.path.splitext(path)[1].lower()
    return f"a file of kind {kind_of(suffix)}{f' ({suffix})' if suffix else ''}"
