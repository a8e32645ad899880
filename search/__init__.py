"""Find photographs by words or by image.

    import search

    with search.open("photos.search") as library:
        library.index("./photos")
        for hit in library.query("a red car", k=10):
            print(hit.score, hit.path)

Importing this package is cheap; everything heavy is loaded by the first call that needs it.
"""

TYPE_CHECKING = False  # as type checkers know it; importing `typing` takes 5 ms
if TYPE_CHECKING:
    from typing import Any

    from indexer.catalog.items import Item
    from indexer.compact import Compacted
    from indexer.doctor import Finding
    from indexer.encoders.base import Encoded, Encoder, EncoderId, Preprocessing, TokenShape
    from indexer.encoders.registry import EncoderInfo, list_encoders
    from indexer.errors import (
        CaptionFileError,
        DamagedImageError,
        EmptyQueryError,
        EncoderError,
        EncoderMismatchError,
        EncoderUnavailableError,
        FileError,
        ImageTooLargeError,
        NotAnImageError,
        PathNotFoundError,
        ResidentError,
        SearchError,
        ServerError,
        StoreBusyError,
        StoreDamagedError,
        StoreError,
        StoreMissingError,
        StoreTooNewError,
        StoreUnwritableError,
        UnfitValueError,
        UnreadableFileError,
        UnsupportedImageError,
        UsageError,
    )
    from indexer.pipeline.forget import Forgotten
    from indexer.pipeline.relocate import Relocated
    from indexer.places.place_names import PlaceNames
    from indexer.progress import Progress
    from indexer.settings import DecodeLimits, IndexSettings
    from indexer.types import Failure, Metadata, Report
    from indexer.vectors.base import SearchParameters
    from search.calibration.calibrate import Calibrated, CalibrationSettings
    from search.calls.collecting import Collection
    from search.calls.details import ItemDetails, StoreState
    from search.calls.dividing import Combined
    from search.calls.field_values import FieldValue
    from search.calls.listing import Page
    from search.calls.query_options import QueryOptions
    from search.calls.tallying import DateCount
    from search.classification.report import ClassFigures, ClassificationReport
    from search.classification.results import Classification, Classified, ClassShare, TrainedProbe
    from search.evaluation.results import Evaluation
    from search.evaluation.settings import EvaluationSettings
    from search.exchange.export import Exported
    from search.exchange.importing import Imported
    from search.library import Library, open
    from search.projection.photo_map import Cluster, PhotoMap
    from search.query.filter import Filter
    from search.query.query import Query
    from search.remote.library import RemoteLibrary, connect
    from search.rerank.base import Alignment, Candidates, EncodedQuery, Reranker
    from search.rerank.explain import Explanation
    from search.results import Hit, Results
    from search.status import Status

__version__ = "0.1.0"

_HOME = {
    "indexer.catalog.items": ("Item",),
    "indexer.doctor": ("Finding",),
    "indexer.encoders.base": ("Encoded", "Encoder", "EncoderId", "Preprocessing", "TokenShape"),
    "indexer.encoders.registry": ("EncoderInfo", "list_encoders"),
    "indexer.errors": (
        "CaptionFileError",
        "DamagedImageError",
        "EmptyQueryError",
        "EncoderError",
        "EncoderMismatchError",
        "EncoderUnavailableError",
        "FileError",
        "ImageTooLargeError",
        "NotAnImageError",
        "PathNotFoundError",
        "ResidentError",
        "SearchError",
        "ServerError",
        "StoreBusyError",
        "StoreDamagedError",
        "StoreError",
        "StoreMissingError",
        "StoreTooNewError",
        "StoreUnwritableError",
        "UnfitValueError",
        "UnreadableFileError",
        "UnsupportedImageError",
        "UsageError",
    ),
    "indexer.compact": ("Compacted",),
    "indexer.pipeline.forget": ("Forgotten",),
    "indexer.pipeline.relocate": ("Relocated",),
    "indexer.places.place_names": ("PlaceNames",),
    "indexer.progress": ("Progress",),
    "indexer.settings": ("DecodeLimits", "IndexSettings"),
    "indexer.types": ("Failure", "Metadata", "Report"),
    "indexer.vectors.base": ("SearchParameters",),
    "search.calibration.calibrate": ("Calibrated", "CalibrationSettings"),
    "search.calls.query_options": ("QueryOptions",),
    "search.calls.collecting": ("Collection",),
    "search.calls.dividing": ("Combined",),
    "search.calls.details": ("ItemDetails", "StoreState"),
    "search.calls.field_values": ("FieldValue",),
    "search.calls.listing": ("Page",),
    "search.calls.tallying": ("DateCount",),
    "search.classification.report": ("ClassFigures", "ClassificationReport"),
    "search.classification.results": ("ClassShare", "Classification", "Classified", "TrainedProbe"),
    "search.evaluation.results": ("Evaluation",),
    "search.evaluation.settings": ("EvaluationSettings",),
    "search.exchange.export": ("Exported",),
    "search.exchange.importing": ("Imported",),
    "search.library": ("Library", "open"),
    "search.projection.photo_map": ("Cluster", "PhotoMap"),
    "search.query.filter": ("Filter",),
    "search.query.query": ("Query",),
    "search.rerank.base": ("Alignment", "Candidates", "EncodedQuery", "Reranker"),
    "search.rerank.explain": ("Explanation",),
    "search.remote.library": ("RemoteLibrary", "connect"),
    "search.results": ("Hit", "Results"),
    "search.status": ("Status",),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "Alignment",
    "Calibrated",
    "CalibrationSettings",
    "Candidates",
    "CaptionFileError",
    "ClassFigures",
    "ClassShare",
    "Classification",
    "ClassificationReport",
    "Classified",
    "Cluster",
    "Collection",
    "Combined",
    "Compacted",
    "DamagedImageError",
    "DateCount",
    "DecodeLimits",
    "EmptyQueryError",
    "Encoded",
    "EncodedQuery",
    "Encoder",
    "EncoderError",
    "EncoderId",
    "EncoderInfo",
    "EncoderMismatchError",
    "EncoderUnavailableError",
    "Evaluation",
    "EvaluationSettings",
    "Explanation",
    "Exported",
    "Failure",
    "FieldValue",
    "FileError",
    "Filter",
    "Finding",
    "Forgotten",
    "Hit",
    "ImageTooLargeError",
    "Imported",
    "IndexSettings",
    "Item",
    "ItemDetails",
    "Library",
    "Metadata",
    "NotAnImageError",
    "Page",
    "PathNotFoundError",
    "PhotoMap",
    "PlaceNames",
    "Preprocessing",
    "Progress",
    "Query",
    "QueryOptions",
    "Relocated",
    "RemoteLibrary",
    "Report",
    "Reranker",
    "ResidentError",
    "Results",
    "SearchError",
    "SearchParameters",
    "ServerError",
    "Status",
    "StoreBusyError",
    "StoreDamagedError",
    "StoreError",
    "StoreMissingError",
    "StoreState",
    "StoreTooNewError",
    "StoreUnwritableError",
    "TokenShape",
    "TrainedProbe",
    "UnfitValueError",
    "UnreadableFileError",
    "UnsupportedImageError",
    "UsageError",
    "__version__",
    "connect",
    "list_encoders",
    "open",
]


def __getattr__(name: str) -> "Any":
    if name in _MODULE_OF:
        import importlib

        value = getattr(importlib.import_module(_MODULE_OF[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'search' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
