"""The client of a Milvus server: made when it is first needed, one a process, safe to use from several threads.

pymilvus is imported with the first call, which takes half a second. The token is MILVUS_TOKEN alone, as USER:PASSWORD
or a key. Every call has a time of its own: pymilvus would try for minutes.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

from indexer import forking
from indexer.errors import StoreDamagedError, StoreError, StoreUnwritableError

#: Seconds for what a server knows, for a search, and for what takes a server's work: an index, a load.
SHORT, SEARCH, LONG = 5.0, 60.0, 24 * 3_600.0
#: The first with aliases, counts and properties that are read again; tested with 2.3.5.
VERSION_LEAST: Final = (2, 3)
PORT: Final = 19530
#: Codes of Milvus: no such collection or alias.
NOT_FOUND: Final = frozenset({100, 1600})


class MilvusServer:
    """`url`: milvus://host:port/database, or milvus+tls:// of a server that encrypts. It is its name in sentences."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._lock = forking.lock()
        self._client: Any = None
        self._process = 0

    @contextmanager
    def use(self) -> Iterator[Any]:
        """The client; what it raises inside becomes a sentence. Raises StoreError."""
        client = self._opened()
        with self.saying_why():
            yield client

    @contextmanager
    def saying_why(self) -> Iterator[None]:
        """Raises StoreError, StoreDamagedError where a collection is gone that was there."""
        import grpc
        from pymilvus.exceptions import MilvusException

        try:
            yield
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.UNAUTHENTICATED:
                raise _refused(self.url, str(error.details())) from error
            if error.code() is grpc.StatusCode.PERMISSION_DENIED:
                raise self._forbidden(str(error.details())) from error
            raise self._lost(str(error.code())) from error
        except MilvusException as error:
            reason = _reason(error)
            if error.code in NOT_FOUND or "not found" in reason:
                raise StoreDamagedError(
                    f"The index in {self.url} is damaged (its collection is not there); `repair()` or the next "
                    "`index()` builds it again from the catalog."
                ) from error
            if "permission" in reason.lower() or "privilege" in reason.lower():
                raise self._forbidden(reason) from error
            if not isinstance(error.code, int) or "Retry" in reason or error.code <= 2:
                raise self._lost(reason) from error
            raise StoreError(f"{self.url} does not do what was asked ({reason}); see its log.") from error

    def _lost(self, reason: str) -> StoreError:
        return StoreError(f"The connection to {self.url} was lost ({reason}); ask again when that server answers.")

    def _forbidden(self, reason: str) -> StoreUnwritableError:
        return StoreUnwritableError(
            f"The vector indexes in {self.url} cannot be written ({reason}); give the user of MILVUS_TOKEN the right "
            "to make collections, then run `index()` again."
        )

    def _opened(self) -> Any:
        with self._lock:
            if self._client is None or self._process != os.getpid():
                self._client, self._process = self._made(), os.getpid()
            return self._client

    def _made(self) -> Any:
        try:
            import grpc
            from pymilvus import MilvusClient
            from pymilvus.exceptions import MilvusException
        except ImportError as error:
            raise StoreError(
                f"Vectors in Milvus need a package that is not here ({error}); `pip install pymilvus` installs it."
            ) from error
        logging.getLogger("pymilvus").setLevel(logging.CRITICAL)  # what it raises, it prints as well
        parts = urlsplit(self.url)
        scheme = "https" if parts.scheme == "milvus+tls" else "http"
        where = f"{scheme}://{parts.netloc if parts.port else f'{parts.netloc}:{PORT}'}"
        try:
            client = MilvusClient(
                uri=where,
                token=os.environ.get("MILVUS_TOKEN", ""),
                db_name=parts.path.strip("/"),
                timeout=SHORT,
                dedicated=True,
            )
            version = str(client.get_server_version(timeout=SHORT))
        except MilvusException as error:
            cause = error.__cause__  # all that pymilvus says is that it does not connect
            if isinstance(cause, grpc.RpcError) and cause.code() is grpc.StatusCode.UNAUTHENTICATED:
                raise _refused(self.url, str(cause.details())) from error
            raise _unreachable(self.url, _reason(error)) from error
        found = re.match(r"v?(\d+)\.(\d+)", version)
        if found is not None and (int(found[1]), int(found[2])) < VERSION_LEAST:
            raise StoreError(f"{self.url} runs Milvus {version}, and 2.3 or newer is needed; upgrade it there.")
        return client


def _refused(url: str, reason: str) -> StoreError:
    return StoreError(f"{url} refuses the user or the password ({reason}); set MILVUS_TOKEN to USER:PASSWORD.")


def _unreachable(url: str, reason: str) -> StoreError:
    return StoreError(
        f"The vector indexes in {url} cannot be reached ({reason}); start that server, or mend the url in store.toml."
    )


def _reason(error: Any) -> str:
    """One line."""
    text = str(getattr(error, "message", "") or error)
    return " ".join(text.split())[:200].rstrip(".")
