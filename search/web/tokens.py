"""The token of a server that others can reach: made, shown once, compared in constant time.

A program sends it as `Authorization: Bearer TOKEN`. A browser opens `/?token=TOKEN` once, is given a cookie and sent
on to the address without it. The cookie holds no token but what is derived from it, for this port.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import replace
from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers
from starlette.responses import RedirectResponse, Response
from starlette.types import Scope

from indexer.errors import UsageError
from search.web.addresses import is_loopback
from search.web.hosts import by_socket
from search.web.problems import ProblemError
from search.web.settings import ServeSettings
from search.web.token_page import FIELD

#: Characters of a token that a person gives: guessing one takes longer than a server lives.
LEAST: Final = 16
#: Seconds for which a browser stays known.
_LASTS: Final = 30 * 24 * 3_600


def with_token(settings: ServeSettings) -> tuple[ServeSettings, bool]:
    """Settings with the token that their address needs, and whether it was made here, so that it has to be shown once.
    Raises UsageError for a token that is too short or no header can hold."""
    if settings.token is None:
        if is_loopback(settings.host):
            return settings, False
        return replace(settings, token=secrets.token_urlsafe(32)), True
    check_token(settings)
    return settings, False


def check_token(settings: ServeSettings) -> None:
    """Raises UsageError where settings need a token and have none, and for one that is too short or that no header can
    hold."""
    token = settings.token
    if token is None:
        if not is_loopback(settings.host):
            raise UsageError(f"Anybody can reach a server on {settings.host}; give it a token.")
    elif (why := unfit(token)) is not None:
        raise UsageError(f"The token {why}, or leave it out to have one made.")


def unfit(token: str) -> str | None:
    """Which rule a token breaks, and how it is kept: one that is guessed, or that no header can hold. None: neither."""
    if not all(" " <= letter <= "~" for letter in token.strip()):
        return "holds what is no letter, digit or sign of ASCII; give one without that"
    if any(letter.isspace() for letter in token):
        return "holds a space or a line break; give one without that"
    if len(token) < LEAST:
        return f"has {len(token)} characters, and fewer than {LEAST} can be guessed; give a longer one"
    return None


def first_address(settings: ServeSettings, port: int) -> str:
    """The address to open at first, with the token; `port`: the one that is listened on. A server that listens
    everywhere is at the first name that it was given, else at that of the machine."""
    host = settings.host
    if host in ("0.0.0.0", "::"):  # noqa: S104 (compared, not listened on)
        import socket

        host = settings.names[0].strip("[]") if settings.names else socket.gethostname()
    shown = f"[{host}]" if ":" in host else host
    query = "" if settings.token is None else f"?{urlencode({FIELD: settings.token})}"
    return f"http://{shown}:{port}/{query}"


class Tokens:
    """The token that settings ask for. Raises what `check_token` raises."""

    def __init__(self, settings: ServeSettings) -> None:
        check_token(settings)
        self._token = settings.token

    def check(self, scope: Scope, headers: Headers) -> Response | None:
        """None for who may ask; an answer that sends a browser on which has shown the token. Raises ProblemError."""
        if by_socket(scope):
            return None
        if self._token is None:
            address = str((scope.get("server") or ("",))[0])
            if not is_loopback(address):  # the process that serves listens elsewhere than the settings say
                raise ProblemError(
                    403, "no-token", "The server has no token, and answers on loopback alone; start it with one."
                )
            return None
        fields = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        shown = [value for name, value in fields if name == FIELD]
        if scope["path"] == "/" and scope["method"] in ("GET", "HEAD") and shown:
            if not self._is_right(shown[0]):
                raise _wrong()
            return self._sent_on(scope, [field for field in fields if field[0] != FIELD])
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            if self._is_right(given.strip()):
                return None
            raise _wrong()
        if _same(self._in_cookies(headers, scope), self._cookie(scope)):
            return None
        raise (
            _wrong()
            if given
            else ProblemError(
                401,
                "token-missing",
                "The server wants its token; send it as `Authorization: Bearer TOKEN`, or open /?token=TOKEN in a "
                "browser.",
                {"WWW-Authenticate": "Bearer"},
            )
        )

    def _is_right(self, given: str) -> bool:
        return _same(given, self._token or "")

    def _sent_on(self, scope: Scope, fields: list[tuple[str, str]]) -> Response:
        answer = RedirectResponse(f"/?{urlencode(fields)}" if fields else "/", 303, {"Cache-Control": "no-store"})
        secure = scope.get("scheme") == "https"
        answer.set_cookie(
            _name(scope), self._cookie(scope), max_age=_LASTS, httponly=True, samesite="strict", secure=secure
        )
        return answer

    def _cookie(self, scope: Scope) -> str:
        """What a browser keeps. Servers on other ports of the host are sent it, too, and learn no token from it."""
        return hmac.new((self._token or "").encode(), _name(scope).encode(), hashlib.sha256).hexdigest()

    def _in_cookies(self, headers: Headers, scope: Scope) -> str:
        cookies: SimpleCookie = SimpleCookie()
        try:
            for line in headers.getlist("cookie"):
                cookies.load(line)
        except CookieError:
            return ""
        found = cookies.get(_name(scope))
        return "" if found is None else found.value


def _name(scope: Scope) -> str:
    """By the port that the browser asks, which is that of a proxy where several servers stand behind one."""
    host = Headers(scope=scope).get("host", "")
    port = host.rpartition(":")[2]
    return f"search-{port if port.isdecimal() else 80}"


def _same(one: str, other: str) -> bool:
    """In a time that tells nothing of where they differ."""
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))


def _wrong() -> ProblemError:
    return ProblemError(
        401,
        "token-wrong",
        "That is not the server's token; take the one that it was started with.",
        {"WWW-Authenticate": "Bearer"},
    )
