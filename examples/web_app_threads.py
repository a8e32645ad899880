"""One library behind the threads of a web server: `/?q=a+cat` answers with JSON, on this machine only.

python examples/web_app_threads.py FOLDER [PORT]
"""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import search


def handler(library: search.Library) -> type[BaseHTTPRequestHandler]:
    """What answers requests, each in a thread of its own; the library may be used by all of them at once."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            words = parse_qs(urlsplit(self.path).query).get("q", [""])[0]
            try:  # a `str` is words: a stranger's are never taken for a path of this machine
                answer, status = library.query(words, k=5).to_json(), 200
            except search.UsageError as error:
                answer, status = {"error": str(error)}, 400
            except search.SearchError as error:
                answer, status = {"error": str(error)}, 500
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler


def main(folder: Path, port: int = 8000) -> None:
    with search.open(folder / "photos.search") as library:
        library.index(folder)
        library.query("warm up")  # loads the encoder before the first visitor waits for it
        with ThreadingHTTPServer(("127.0.0.1", port), handler(library)) as server:
            print(f"http://127.0.0.1:{server.server_port}/?q=a+cat", flush=True)
            server.serve_forever()


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), *map(int, sys.argv[2:3]))
    except KeyboardInterrupt:
        print("stopped")
