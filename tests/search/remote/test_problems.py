"""Refusals of a server become exceptions of the library."""

from __future__ import annotations

import pytest

from indexer import errors
from indexer.errors import SearchError
from search.remote.problems import RefusedError
from search.web.problems import problem_of

ALL = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, SearchError)]


@pytest.mark.parametrize("kind", ALL, ids=lambda each: each.__name__)
def test_every_error_of_the_library_comes_back_as_itself(kind: type[SearchError]) -> None:
    problem = problem_of(kind("What is wrong; what to do."))
    error = RefusedError.of(problem.status, problem.model_dump(), "http://x").as_error()
    assert type(error) is kind
    assert str(error) == "What is wrong; what to do."


@pytest.mark.parametrize(
    ("status", "said", "kind", "sentence"),
    [
        (421, {"type": "wrong-host", "detail": "Not {so}."}, errors.UsageError, "Not {so}."),
        (401, {"type": "token-missing", "detail": "Send it."}, errors.UsageError, "give it to `connect` as `token`."),
        (401, {"type": "token-wrong", "detail": "Wrong."}, errors.UsageError, "`token` that it was started with."),
        (500, {"type": "internal", "detail": "An error."}, errors.ServerError, "An error."),
        (404, "<html>", errors.ServerError, "status 404 and no sentence; is it one of `search serve`?"),
        (302, None, errors.ServerError, "status 302"),
        (422, {"type": 7, "detail": ["x"]}, errors.ServerError, "no sentence"),
    ],
)
def test_others_are_the_clients_or_the_servers(status: int, said: object, kind: type, sentence: str) -> None:
    error = RefusedError.of(status, said, "http://x").as_error()
    assert type(error) is kind
    assert sentence in str(error)
