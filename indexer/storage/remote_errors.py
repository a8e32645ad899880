"""Errors of the clients of stores of objects, as the operating system would say them: a reason, and what to do."""

from __future__ import annotations

import errno
from typing import Final

from indexer.storage.base import ChangedError

#: What clients call their errors (S3's codes, and the classes of botocore, aiohttp and asyncio), and what they mean.
_EXPIRED: Final = frozenset({"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestTimeTooSkewed"})
_WRONG_KEY: Final = frozenset({"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken"})
_NO_KEY: Final = frozenset(
    {"NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "ProfileNotFound", "NoAuthTokenError"}
)
_NO_ANSWER: Final = frozenset(
    {
        *("EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError", "ConnectionClosedError"),
        *("ClientConnectorError", "ServerDisconnectedError", "FSTimeoutError", "TimeoutError", "HTTPClientError"),
        *("ConnectionError", "ConnectionRefusedError", "ConnectionResetError", "gaierror", "SSLError"),
        *("ClientConnectorDNSError", "ProxyConnectionError"),
    }
)
_KEYS: Final = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or ~/.aws"


class RemoteError(OSError):
    """`strerror`: the reason, in words of a sentence; `step`: what to do."""

    def __init__(self, number: int, reason: str, step: str) -> None:
        super().__init__(number, reason)
        self.step = step


def told(error: BaseException) -> OSError:
    """An error of a client as one of the system. Those that are plain already stay what they are."""
    if isinstance(error, FileNotFoundError | RemoteError | ChangedError):
        return error
    names = {each for one in (error, error.__cause__) if one is not None for each in _names(one)}
    if names & _EXPIRED:
        return RemoteError(errno.EACCES, "the credentials have expired", f"renew them ({_KEYS})")
    if names & _WRONG_KEY:
        return RemoteError(errno.EACCES, "the key is wrong", f"give another ({_KEYS})")
    if names & _NO_KEY:
        return RemoteError(errno.EACCES, "no credentials are given", f"give them in the environment ({_KEYS})")
    if isinstance(error, PermissionError):
        return RemoteError(errno.EACCES, "permission denied", f"give credentials that may list and read it ({_KEYS})")
    if names & _NO_ANSWER or isinstance(error, ConnectionError | TimeoutError):
        return RemoteError(
            errno.ETIMEDOUT, "its server does not answer", "check the network, and the address (AWS_ENDPOINT_URL)"
        )
    said = (str(getattr(error, "strerror", None) or error).splitlines() or [""])[0].strip()[:200].rstrip(".") or type(
        error
    ).__name__
    return RemoteError(
        getattr(error, "errno", None) or errno.EIO, said[:1].lower() + said[1:], "check the address, then try again"
    )


def _names(error: BaseException) -> set[str]:
    """What an error is called: its classes, and the code in an answer of S3."""
    answer = getattr(error, "response", None)
    code = answer.get("Error", {}).get("Code", "") if isinstance(answer, dict) else ""
    return {str(code), *(each.__name__ for each in type(error).__mro__)}
