"""What is asked of S3 by its own calls, because they say more, or in less memory, than fsspec's do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from fsspec.asyn import sync

from indexer.storage.base import ChangedError, Flat, Walk

#: Schemes of fsspec's client for S3.
S3: Final = frozenset({"s3", "s3a"})
#: Objects of a page, the most that S3 gives.
_PAGE: Final = 1_000
#: Times that an object is asked for whose bytes stop coming.
_TRIES: Final = 3


def listed(fs: Any, asked: Walk) -> Iterator[tuple[str, dict[str, Any]]]:
    """(URL, what is told of it) of the objects below `asked.top`, by ascending bytes of their keys; a page of them is
    in memory. Those are left out, and counted in a note, whose keys are no paths ("a//b", "..")."""
    scheme, _, rest = asked.top.partition("://")
    bucket, _, prefix = rest.partition("/")
    prefix += "/" if prefix else ""
    flat = Flat(asked)
    odd = 0
    more: dict[str, str] = {}
    while True:
        page = fs.call_s3("list_objects_v2", Bucket=bucket, Prefix=prefix, MaxKeys=_PAGE, **more)
        for each in page.get("Contents", ()):
            inner = each["Key"][len(prefix) :]
            if not inner or inner.endswith("/"):  # what consoles make for a folder
                continue
            if any(part in ("", ".", "..") for part in inner.split("/")):
                odd += 1
            elif flat.keeps(inner):
                yield f"{scheme}://{bucket}/{each['Key']}", {**each, "size": each["Size"]}
        if not page.get("IsTruncated"):
            break
        more = {"ContinuationToken": page["NextContinuationToken"]}
    if odd:
        what = "1 object is" if odd == 1 else f"{odd:,} objects are"
        asked.note(f"{asked.top}: {what} left out, whose names have empty parts, or parts like `..`.")


def get_object(fs: Any, path: str, size: int) -> tuple[dict[str, Any], bytes]:
    """What is told of an object, and its content, by one request, so that they belong together. Raises ChangedError,
    before a byte is taken, where it has not `size` bytes."""
    return sync(fs.loop, _get_object, fs, path, size)  # type: ignore[no-any-return]


async def _get_object(fs: Any, path: str, size: int) -> tuple[dict[str, Any], bytes]:
    bucket, _, key = path.partition("/")
    for left in reversed(range(_TRIES)):
        answer = await fs._call_s3("get_object", Bucket=bucket, Key=key)
        body = answer["Body"]
        try:
            if answer["ContentLength"] != size:
                raise ChangedError
            return {**answer, "size": size}, await body.read()
        except ChangedError:
            raise
        except Exception:
            if not left:
                raise
        finally:
            body.close()
    raise AssertionError("the last try gives something or raises")
