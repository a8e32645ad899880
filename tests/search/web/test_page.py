"""The files of the page: what is served, how they are kept, and how they hang together."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from indexer.places.table import read_table
from indexer.settings import places_folder
from search.web.routes.page import files_of_page
from search.web.routes.world import LEAST_PEOPLE, SIZES, STEP, dots
from tests.fixtures.paths import ROOT

PAGE = ROOT / "search" / "web" / "page"
MODULES = sorted(PAGE.glob("*.js"))
#: From one module to another, in every form the page uses.
IMPORT = re.compile(r'(?:from|import)\s*\(?"\./([a-z_]+\.js)"')
#: Those that are there before a module begins.
AT_ONCE = re.compile(r'^import\s[^;(]*"\./([a-z_]+\.js)";', re.MULTILINE)


def imports(path: Path, form: re.Pattern[str] = IMPORT) -> set[str]:
    """The modules that a module imports; of types alone (in comments) it imports nothing."""
    code = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    return set(form.findall(code))


def reached_from(name: str, graph: dict[str, set[str]]) -> set[str]:
    """A module, what it imports, what that imports ..."""
    reached = {name}
    while more := set().union(*(graph[each] for each in reached)) - reached:
        reached |= more
    return reached


def test_the_page_and_its_files_are_served(client: TestClient) -> None:
    page = client.get("http://127.0.0.1:8765/")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    named = re.findall(r'(?:src|href)="(/page/[^"]+)"', page.text)
    at_once = reached_from("main.js", {path.name: imports(path, AT_ONCE) for path in MODULES})
    assert {name for name in named if name.endswith(".js")} == {f"/page/{name}" for name in at_once | {"early.js"}}, (
        "what is not fetched beforehand is waited for, and what is not needed at once is waited for as well"
    )
    assert 20 < len(at_once) < len(MODULES) - 10
    for name in named:
        assert client.get(f"http://127.0.0.1:8765{name}").status_code == 200, name


@pytest.mark.parametrize(
    ("suffix", "kind"), [(".js", "text/javascript; charset=utf-8"), (".css", "text/css; charset=utf-8")]
)
def test_files_have_their_types_whatever_the_machine_says(client: TestClient, suffix: str, kind: str) -> None:
    name = next(name for name in files_of_page() if name.endswith(suffix))
    assert client.get(f"http://127.0.0.1:8765/page/{name}").headers["content-type"] == kind


def test_what_a_browser_has_is_not_sent_again(client: TestClient) -> None:
    first = client.get("http://127.0.0.1:8765/page/main.js")
    again = client.get("http://127.0.0.1:8765/page/main.js", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = client.get("http://127.0.0.1:8765/page/main.js", headers={"If-None-Match": '"other"'})
    assert other.status_code == 200
    assert first.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "name", ["none.js", "..%2fapp.py", "%2e%2e/app.py", "..%5capp.py", "main.js%00", ".%2fmain.js", "index.html/"]
)
def test_no_other_file_is(client: TestClient, name: str) -> None:
    assert client.get(f"http://127.0.0.1:8765/page/{name}", follow_redirects=False).status_code in (404, 307)
    assert b"FastAPI" not in client.get(f"http://127.0.0.1:8765/page/{name}").content


def test_modules_import_one_way() -> None:
    graph = {path.name: imports(path) for path in MODULES}
    assert set().union(*graph.values()) <= set(graph)
    order: list[str] = []
    while len(order) < len(graph):
        free = [name for name in graph if name not in order and graph[name] <= set(order)]
        assert free, f"a circle among {sorted(set(graph) - set(order))}"
        order += free
    assert order[-1] == "main.js"
    assert set(graph) - reached_from("main.js", graph) == {"early.js"}, "a module that nobody imports"


def test_nothing_of_the_page_is_inline_or_from_elsewhere() -> None:
    for path in PAGE.iterdir():
        text = path.read_text(encoding="utf-8")
        without_names = text.replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://", without_names), path.name
        if path.suffix == ".js":
            assert not re.search(
                r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text
            ), path.name
            assert len(text.splitlines()) <= 300, path.name
        if path.suffix == ".html":
            assert not re.search(r"\s(style|on\w+)=", text)
            assert not re.search(r"<script(?![^>]*\ssrc=)|<style", text)


def test_the_world_is_cities_in_their_places(client: TestClient) -> None:
    answer = client.get("http://127.0.0.1:8765/page/world.json")
    told = answer.json()
    flat = told["cities"]
    cities = list(zip(flat[::3], flat[1::3], flat[2::3], strict=True))
    table = read_table(places_folder() / "places.bin")
    assert len(cities) == int((table.arrays["populations"] >= LEAST_PEOPLE).sum())
    assert {size for _, _, size in cities} <= set(range(SIZES))
    around_tokyo = [size for north, east, size in cities if abs(north * STEP - 35.69) < 0.5 > abs(east * STEP - 139.69)]
    assert max(around_tokyo) >= SIZES - 2
    assert cities[-1][2] >= cities[0][2], "large ones are drawn over small ones"
    assert flat == dots(table)
    assert answer.headers["etag"]
