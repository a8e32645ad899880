"""What clients of stores of objects raise, as one reason and one step."""

from __future__ import annotations

import errno

import pytest

from indexer.reach import reason
from indexer.storage.base import ChangedError
from indexer.storage.remote_errors import RemoteError, told


class ClientError(Exception):
    """As botocore's: the server's code is in its answer."""

    def __init__(self, code: str) -> None:
        super().__init__(f"An error occurred ({code}) when calling an operation: a secret")
        self.response = {"Error": {"Code": code}}


def caused_by(code: str) -> PermissionError:
    error = PermissionError("Forbidden")
    error.__cause__ = ClientError(code)
    return error


NoCredentialsError = type("NoCredentialsError", (Exception,), {})
EndpointConnectionError = type("EndpointConnectionError", (Exception,), {})


@pytest.mark.parametrize(
    ("error", "number", "why", "step"),
    [
        (caused_by("ExpiredToken"), errno.EACCES, "the credentials have expired", "renew them"),
        (caused_by("InvalidAccessKeyId"), errno.EACCES, "the key is wrong", "give another"),
        (ClientError("SignatureDoesNotMatch"), errno.EACCES, "the key is wrong", "give another"),
        (caused_by("AccessDenied"), errno.EACCES, "permission denied", "give credentials that may list and read it"),
        (NoCredentialsError("Unable to locate"), errno.EACCES, "no credentials are given", "give them"),
        (EndpointConnectionError("http://a"), errno.ETIMEDOUT, "its server does not answer", "check the network"),
        (ConnectionRefusedError(111, "refused"), errno.ETIMEDOUT, "its server does not answer", "check the network"),
        (OSError(errno.EBUSY, "Reduce your rate"), errno.EBUSY, "reduce your rate", "check the address"),
        (ValueError(""), errno.EIO, "valueerror", "check the address"),
    ],
)
def test_each_has_its_sentence(error: Exception, number: int, why: str, step: str) -> None:
    found = told(error)
    assert isinstance(found, RemoteError)
    assert (found.errno, reason(found)) == (number, why)
    assert found.step.startswith(step)


@pytest.mark.parametrize("error", [FileNotFoundError("a.jpg"), ChangedError(), told(ValueError("x"))])
def test_what_is_plain_stays_so(error: OSError) -> None:
    assert told(error) is error
