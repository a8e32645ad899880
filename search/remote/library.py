"""A library behind a server."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self, TypeVar, Unpack

from indexer import arguments
from indexer.arguments import checked, instance, number, one_of, optional, whole
from indexer.catalog.items import Item
from indexer.catalog.selection import Sorted
from indexer.errors import EncoderError, SearchError, ServerError, StoreError, StoreMissingError, UsageError
from indexer.progress import Progress, Silent
from indexer.types import KINDS, Kind
from search.arguments import asked, asked_many, progress_given
from search.calls.collecting import Collection
from search.calls.details import ItemDetails
from search.calls.field_values import LISTED, FieldValue, Listed
from search.calls.listing import MAX_PAGE, SORTED, Page, items_of
from search.calls.query_options import DEFAULT_OPTIONS, QueryOptions
from search.calls.querying import OPTION_RULES
from search.calls.tallying import MOST_VALUES, STEPS, DateCount, Step
from search.query.given import label_of
from search.remote import answers
from search.remote.addresses import Address
from search.remote.asking import Question, Uploads
from search.remote.connection import Connection, Fields
from search.remote.forms import in_this_form
from search.remote.problems import RefusedError
from search.results import Results
from search.status import Status

if TYPE_CHECKING:
    from search.query.filter import Filter
    from search.query.given import Asked

T = TypeVar("T")

#: Calls of a `Library` that work where the store lies, and nowhere else.
NOT_OVER_A_SERVER: Final = frozenset(
    {
        *("index", "forget", "compact", "check", "repair", "calibrate", "train_reranker", "train_encoder", "evaluate"),
        *("reset_calibration", "vectors", "embed", "indexed", "left_out", "state", "map", "kept_map", "reopen"),
        *("classify", "train_probe", "probes", "relocate", "export", "import_from", "merge", "split"),
    }
)
#: Requests at once of `query_many`: a server answers in one go what waits for it together.
_AT_ONCE: Final = 16
#: Items and hits of one answer.
_MOST: Final = 1_000
_MAX_ID: Final = 2**63 - 1


@checked(address=arguments.text, token=optional(arguments.text), timeout=number(0, 86_400, open_below=True))
def connect(address: str, token: str | None = None, *, timeout: float = 60.0) -> RemoteLibrary:
    """The library of a server (`search serve`): "http://127.0.0.1:8765", or "unix:/PATH" of its socket.

    `token`: what the server was started with, if it has one. `timeout`: seconds to wait for it. Nothing is asked before
    it is needed. Raises UsageError for an address or a token that can be none.
    """
    return RemoteLibrary(Connection(Address.parse(address), token, timeout))


class RemoteLibrary:
    """The store of a server, with the calls of `search.Library` that read: the same arguments, answers and exceptions.

    What a server cannot do (`index`, `vectors` ...) raises UsageError; so do `parameters` and `reranker` of a query,
    and more hits at a time than it gives. A server that does not answer raises ServerError. Paths are those of the
    server's machine, or begin with the indexed folder where it tells no more. Images that are asked with are read here,
    and sent. Safe to use from several threads.
    """

    def __init__(self, connection: Connection) -> None:
        """See `search.connect`."""
        self._connection = connection
        self._uploads = Uploads(connection)
        #: Whether the server tells paths; None: nobody has asked.
        self._paths: bool | None = None

    @property
    def address(self) -> str:
        """Where the server is."""
        return str(self._connection.address)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections. The library may be used again afterwards."""
        self._connection.close()

    def __getattr__(self, name: str) -> Any:
        if name in NOT_OVER_A_SERVER:
            return lambda *_, **__: _refuse(name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    # -- asking ---------------------------------------------------------------------------------------------

    @checked(query=asked, after=optional(arguments.text), **OPTION_RULES)
    def query(self, query: Asked, *, after: str | None = None, **options: Unpack[QueryOptions]) -> Results:
        """The `k` best matches, as `search.Library.query` gives them; `options`: those of that."""
        return self._answer(Question(query, {**DEFAULT_OPTIONS, **options}), after)

    @checked(queries=asked_many, progress=optional(progress_given), **OPTION_RULES)
    def query_many(
        self, queries: Sequence[Asked], *, progress: Progress | None = None, **options: Unpack[QueryOptions]
    ) -> list[Results]:
        """The answers to many queries, in their order, as `search.Library.query_many` gives them."""
        told = progress or Silent()
        told.phase(f"Answering {len(queries):,} queries")
        told.total(len(queries))
        pool = ThreadPoolExecutor(min(_AT_ONCE, max(len(queries), 1)), thread_name_prefix="ask")
        try:
            work = [pool.submit(self._answer_or_error, each, {**DEFAULT_OPTIONS, **options}) for each in queries]
            found = []
            for each in work:
                found.append(each.result())
                told.advance(1)
            return found
        finally:
            pool.shutdown(cancel_futures=True)

    def _answer_or_error(self, given: Asked | SearchError, options: QueryOptions) -> Results:
        """Raises what concerns all queries."""
        try:
            if isinstance(given, SearchError):
                raise given
            return self._answer(Question(given, options), None)
        except (StoreError, StoreMissingError, EncoderError, ServerError):
            raise
        except SearchError as error:
            return Results(label_of(given), notes=(str(error),), error=error)

    def _answer(self, question: Question, after: str | None) -> Results:
        try:
            return self._asked(question, after)
        except RefusedError as error:
            if error.kind != "upload-gone":
                raise error.as_error() from None
        self._uploads.forget()
        try:
            return self._asked(question, after)
        except RefusedError as error:
            raise error.as_error() from None

    def _asked(self, question: Question, after: str | None) -> Results:
        fields = {**question.fields(self._uploads.name), "after": after, "paths": self._tells_paths()}
        said = self._connection.post("/search", fields)
        return self._read(lambda: answers.results_of(said, question.label, question.notes))

    # -- what is stored -------------------------------------------------------------------------------------

    @checked(
        where=optional(instance("search.query.filter", "Filter")),
        kind=one_of(KINDS),
        sort=optional(one_of(SORTED)),
        limit=whole(1, MAX_PAGE),
        cursor=optional(arguments.text),
    )
    def page(
        self,
        *,
        where: Filter | None = None,
        kind: Kind = "image",
        sort: Sorted | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page:
        """The next `limit` items, as `search.Library.page` gives them."""
        found: list[Item] = []
        while True:
            fields = {"where": None if where is None else str(where), "kind": kind, "sort": sort, "cursor": cursor}
            said = self._get("/items", {**fields, "limit": min(limit - len(found), _MOST)}, paths=True)
            page = self._read(partial(answers.page_of, said))
            found += page.items
            cursor = page.cursor
            if cursor is None or len(found) >= limit:
                return Page(tuple(found), cursor)

    @checked(
        where=optional(instance("search.query.filter", "Filter")), kind=one_of(KINDS), sort=optional(one_of(SORTED))
    )
    def items(self, *, where: Filter | None = None, kind: Kind = "image", sort: Sorted | None = None) -> Iterator[Item]:
        """All items that `where` leaves, one by one; few are in memory at a time."""
        return items_of(partial(self.page, where=where, kind=kind, sort=sort, limit=_MOST))

    @checked(id=whole(0, _MAX_ID))
    def item(self, id: int) -> ItemDetails | None:
        """All that is known of one item; None where there is none. Its captions are those of the file itself, too."""
        try:
            said = self._connection.get(f"/items/{id}", {"paths": self._tells_paths()})
        except RefusedError as error:
            if error.kind == "no-item":
                return None
            raise error.as_error() from None
        return self._read(lambda: answers.details_of(said))

    @checked(field=one_of(LISTED), prefix=arguments.text, limit=whole(1, MOST_VALUES))
    def values(self, field: Listed, *, prefix: str = "", limit: int = 20) -> list[FieldValue]:
        """The values of a field that the store has, as `search.Library.values` gives them."""
        said = self._get("/values", {"field": field, "prefix": prefix, "limit": limit})
        return self._read(lambda: [answers.value_of(each) for each in said])

    @checked(by=one_of(STEPS), where=optional(instance("search.query.filter", "Filter")))
    def histogram(self, by: Step, *, where: Filter | None = None) -> list[DateCount]:
        """How many photographs were taken when, as `search.Library.histogram` counts them."""
        said = self._get("/histogram", {"by": by, "where": None if where is None else str(where)})
        return self._read(lambda: [answers.bar_of(each) for each in said])

    def collections(self) -> list[Collection]:
        """The indexed folders, by path."""
        said = self._get("/collections", {}, paths=True)
        return self._read(lambda: [answers.collection_of(each) for each in said])

    def counts(self) -> dict[Kind, int]:
        """How many items of each kind can be found."""
        said = self._get("/status", {})
        return self._read(lambda: {"image": said["images"], "text": said["texts"]})

    def status(self) -> Status:
        """What the store holds. Of its folders neither patterns nor drives are told."""
        said, collections = self._get("/status", {}, paths=True), self.collections()
        return self._read(lambda: answers.status_of(said, collections))

    # -- how ------------------------------------------------------------------------------------------------

    def _get(self, path: str, fields: Fields, *, paths: bool = False) -> Any:
        """`paths`: with those of the server's machine, where it tells them. Raises SearchError."""
        try:
            return self._connection.get(path, {**fields, "paths": self._tells_paths()} if paths else fields)
        except RefusedError as error:
            raise error.as_error() from None

    def _read(self, read: Callable[[], T]) -> T:
        return in_this_form(read, f"The server at {self.address}", "install the same version on both")

    def _tells_paths(self) -> bool:
        """Whether the server tells paths, which it is asked once."""
        if self._paths is None:
            try:
                self._connection.get("/items", {"limit": 1, "paths": True})
            except RefusedError as error:
                if error.kind != "paths-not-told":
                    raise error.as_error() from None
                self._paths = False
            else:
                self._paths = True
        return self._paths


def _refuse(call: str) -> NoReturn:
    raise UsageError(
        f"`{call}` works where the store lies, and not over a server; open it there with `open(STORE)`, and call it."
    )
