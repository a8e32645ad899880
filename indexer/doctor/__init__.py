"""Checks of a store: the catalog, the indexes and the files against each other; and what can be mended."""

from indexer.doctor.check import check
from indexer.doctor.finding import Finding
from indexer.doctor.repair import repair

__all__ = ["Finding", "check", "repair"]
