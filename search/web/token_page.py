"""What a browser is shown that has no token: a field for it, in a page without a script and without a file besides.

What it sends is what a first visit sends, `/?token=TOKEN`, and what was looked for beside it.
"""

from __future__ import annotations

import base64
import hashlib
import html
from functools import lru_cache
from importlib.resources import files
from typing import Final
from urllib.parse import parse_qsl

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse
from starlette.types import Scope

from search.web.problems import ProblemError

#: The field of the address that shows a token.
FIELD: Final = "token"
#: So much of what was looked for goes on.
_MOST: Final = 4_000
_OWN_LOOK: Final = """
* { box-sizing: border-box; }
body { margin: 0; min-height: 100dvh; display: grid; place-items: center; padding: 20px; background: var(--paper);
  color: var(--ink); font: var(--type); }
main { width: min(420px, 100%); padding: 30px; border-radius: 20px; background: var(--card);
  box-shadow: var(--shadow); }
h1 { margin: 0 0 10px; font-size: 1.3rem; letter-spacing: -.01em; }
p { margin: 0 0 18px; color: var(--soft); overflow-wrap: anywhere; }
.bad { color: var(--bad); }
label { display: block; margin-bottom: 6px; font-weight: 600; }
input { width: 100%; height: 48px; padding: 0 14px; border: 1px solid var(--line); border-radius: 12px;
  background: var(--paper); color: inherit; font: inherit; font-size: 16px; }
button { width: 100%; height: 48px; margin-top: 14px; border: 0; border-radius: 12px; background: var(--accent);
  color: var(--accent-ink); font: inherit; font-weight: 600; cursor: pointer; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
"""


def wants_page(scope: Scope, headers: Headers, refusal: ProblemError) -> bool:
    """Whether a browser that asks for the page is told that it has no token."""
    asks = scope["method"] == "GET" and scope["path"] == "/" and "text/html" in headers.get("accept", "")
    return asks and refusal.problem.status == 401


def token_page(scope: Scope, refusal: ProblemError) -> HTMLResponse:
    """The page with the field; where a token was wrong it says so."""
    asked = scope["query_string"].decode("latin-1")[:_MOST]
    kept = [(name, value) for name, value in parse_qsl(asked) if name != FIELD]
    hidden = "".join(
        f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">' for name, value in kept
    )
    wrong = refusal.problem.type == "token-wrong"
    said = '<p class="bad" id="said" role="alert">That is not the token of this server.</p>' if wrong else ""
    described = ' aria-invalid="true" aria-describedby="said"' if wrong else ""
    look, policy = _look()
    content = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Photographs</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<style>{look}</style>
</head>
<body>
<main>
<h1>Photographs</h1>
<p>This server asks for its token. It was printed where the server was started, at the end of its address.</p>
{said}<form action="/" method="get">{hidden}
<label for="token">Token</label>
<input id="token" name="{FIELD}" type="password" autocomplete="current-password" required autofocus{described}>
<button type="submit">Open</button>
</form>
</main>
</body>
</html>
"""
    return HTMLResponse(content, 401, {**(refusal.headers or {}), "Content-Security-Policy": policy})


@lru_cache(maxsize=1)
def _look() -> tuple[str, str]:
    """The style, and a policy that allows this one alone, by its digest, and no script: nothing else is given without a
    token, no file of the page either."""
    shared = files("search.html").joinpath("templates", "look.css").read_text(encoding="utf-8")
    look = shared + _OWN_LOOK
    digest = base64.b64encode(hashlib.sha256(look.encode("utf-8")).digest()).decode("ascii")
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; form-action 'self'; frame-ancestors 'none'; "
        "base-uri 'none'"
    )
    return look, policy
