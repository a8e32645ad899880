"""Shared fixtures: real photographs, a store over them, and the command line in this process."""

from __future__ import annotations

import gc
import importlib.util
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures import catalog_rows
from tests.fixtures.json_schemas import conform
from tests.fixtures.postgres_server import PASSWORD, PostgresServer, running

#: Before torch or FAISS is loaded, here and in the processes of tests: threads that wait sleep. By default they turn in
#: a loop, and where a test process runs on each core they take the cores from each other.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

#: Photographs that installed packages ship (the `demo` extra), by package and folder.
SOURCES = (("skimage", "data"), ("sklearn", "datasets/images"), ("matplotlib", "mpl-data/sample_data"))


#: What the full test environment has and a light one has not (torch and its kin, packages that ship photographs, a
#: browser's driver), and
#: what of ours needs it.
FULL_ONLY = re.compile(
    r"\b(torch|torchvision|open_clip|transformers|onnx|nncf|matplotlib|skimage|sklearn|blip|train_reranker|fitting"
    r"|playwright)\b"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--light", action="store_true", help="leave out what needs more than the light form")
    parser.addoption("--scale", action="store_true", help="with tests of servers that take minutes (make test-scale)")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """With --light, files that name a library of the full environment are not even imported."""
    if not config.getoption("--light") or not collection_path.name.startswith("test_"):
        return None
    return bool(FULL_ONLY.search(collection_path.read_text(encoding="utf-8"))) or None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With --light, no slow tests and none on photographs; those of scale only when they are asked for."""
    if not config.getoption("--scale"):
        of_scale = [item for item in items if "scale" in item.keywords]
        config.hook.pytest_deselected(items=of_scale)
        items[:] = [item for item in items if item not in set(of_scale)]
    if config.getoption("--light"):
        left_out = [item for item in items if "slow" in item.keywords or "real_photos" in item.fixturenames]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]


@pytest.fixture(scope="session")
def real_photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of about thirty real photographs. Not to be changed; copy it."""
    folder = tmp_path_factory.mktemp("real") / "photos"
    folder.mkdir()
    for package, inner in SOURCES:
        found = importlib.util.find_spec(package)
        assert found is not None, f"{package} is missing: pip install -e '.[demo,test]'"
        assert found.submodule_search_locations
        for picture in sorted((Path(found.submodule_search_locations[0]) / inner).iterdir()):
            if picture.suffix in {".png", ".jpg", ".gif"}:
                shutil.copy(picture, folder / picture.name)
    return folder


@pytest.fixture(scope="module")
def one_torch_thread() -> Iterator[None]:
    """For the training of tiny networks: on two threads, which wait for each other in a loop, it takes twice the CPU
    time (27 s instead of 13), and the other half of the tests wants a core too."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session", autouse=True)
def _statements_compiled_once() -> Iterator[None]:
    """SQLAlchemy keeps the statements that it compiled with an engine, of which each store that a test opens has its
    own: a quarter of what most tests of stores would cost. Here all engines of the process share them."""
    from indexer.catalog import sqlite

    create = sqlite.create_engine
    shared = create("sqlite://", query_cache_size=2_000)
    shared.connect().close()  # its dialect asks the database about itself once

    def sharing(*arguments: Any, **named: Any) -> Any:
        engine = create(*arguments, **named)
        engine.dialect, engine._compiled_cache = shared.dialect, shared._compiled_cache
        return engine

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite, "create_engine", sharing)
        yield
    shared.dispose()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL server, whose password is in the environment."""
    pytest.importorskip("psycopg")
    pytest.importorskip("pg0")
    with running() as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PGPASSWORD", PASSWORD)
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def each_database(request: pytest.FixtureRequest) -> Iterator[str]:
    """A test runs once for each database in which a catalog can lie: `new_catalog` makes it there."""
    if request.param == "postgresql":
        server = request.getfixturevalue("postgres_server")
        catalog_rows.databases.append(lambda _path: server.new_database())
    yield request.param
    del catalog_rows.databases[1:]


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Exported and compiled models of the tests stay out of the user's own cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEARCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def pgvector_url(postgres_server: PostgresServer) -> str:
    """The URL of a database of that server, without the password; the server has pgvector."""
    return postgres_server.new_database().render_as_string()


@pytest.fixture(scope="session")
def milvus_url() -> Iterator[str]:
    """The URL of a Milvus server, one a session."""
    from tests.fixtures.milvus_server import is_installed, running_milvus

    if not is_installed():
        pytest.skip("no milvus or no pymilvus: pip install -e '.[test-scale]'")
    with running_milvus() as url:
        yield url


@pytest.fixture(scope="session", autouse=True)
def _own_sockets() -> Iterator[None]:
    """Servers of tests listen in a folder of their own, of which no server of the user is asked."""
    with tempfile.TemporaryDirectory(prefix="r-") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", folder)
        yield


@dataclass
class Answer:
    """How a command ended."""

    code: int
    out: str
    err: str


Cli = Callable[..., Answer]


def schema_of(*arguments: str) -> str:
    """The schema of what a command prints; the two trainings have one each, and so have the two of roots."""
    both = "-".join(arguments[:2])
    return both if both in ("train-encoder", "roots-move") else arguments[0]


@pytest.fixture
def cli(capfdbinary: pytest.CaptureFixture[bytes]) -> Cli:
    """`cli("query", "a cat", ...)` runs the command in this process, by the door that people use.

    What a process does when it leaves (the exit code itself, pipes, signals) is tested in processes of their own.
    """

    def run(*arguments: object) -> Answer:
        from search.__main__ import run as run_command

        capfdbinary.readouterr()
        try:
            code = run_command([*map(str, arguments)])
        finally:
            gc.enable()
        captured = capfdbinary.readouterr()
        answer = Answer(code, captured.out.decode("utf-8", "surrogateescape"), captured.err.decode())
        if "--json" in arguments and answer.out:  # whatever a test asks for, the documentation has to know it
            conform(schema_of(*map(str, arguments)), json.loads(answer.out))
        return answer

    return run


@pytest.fixture(scope="session")
def indexed(real_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store made with the bundled encoder over `photos` beside it: `real_photos` and captions. Not to be changed."""
    import search

    folder = tmp_path_factory.mktemp("indexed")
    photos = shutil.copytree(real_photos, folder / "photos")
    rows = [
        {"image": "chelsea.png", "caption": "a ginger cat looks at the camera"},
        {"image": "coffee.png", "caption": "a cup of coffee on a table"},
    ]
    (photos / "captions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with search.open(folder / "photos.search") as library:
        report = library.index(photos)
    assert report.encoded > 20
    return folder / "photos.search"


@pytest.fixture
def store(indexed: Path, tmp_path: Path) -> Path:
    """A copy of the indexed store, to be changed or broken."""
    return Path(shutil.copytree(indexed, tmp_path / "copy.search"))
