"""What a `store.toml` may say, and what it costs where there is none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from indexer.errors import StoreDamagedError, UsageError
from indexer.store import Store
from indexer.vectors.backends.chosen import chosen_backend
from indexer.vectors.backends.faiss_files.file_backend import FaissFiles
from indexer.vectors.backends.store_toml import VectorsPlace, vectors_place


@pytest.fixture(autouse=True)
def no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another test's server may have left one, which goes to no server that a file alone names."""
    monkeypatch.delenv("PGPASSWORD", raising=False)


def place(folder: Path, text: str) -> VectorsPlace | None:
    (folder / "store.toml").write_text(text, encoding="utf-8")
    return vectors_place(folder)


def test_without_one_the_indexes_are_files(tmp_path: Path) -> None:
    assert vectors_place(tmp_path) is None
    assert place(tmp_path, "") is None
    backend = chosen_backend(tmp_path, tmp_path / "vectors", lambda: pytest.fail("nobody asks"))
    assert isinstance(backend, FaissFiles)


def test_a_store_without_one_imports_nothing_more(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "from indexer.store import Store\n"
        f"store = Store.create(Path({str(tmp_path / 'store')!r})); store.vectors.version('image'); store.close()\n"
        "assert not {'tomllib', 'psycopg', 'pymilvus', 'faiss'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize(
    ("url", "scheme", "server"),
    [
        ("postgresql://anna@db.example/photos", "postgresql", "postgresql://anna@db.example/photos"),
        ("postgresql://db:5433/photos?sslmode=require", "postgresql", "postgresql://db:5433/photos"),
        ("milvus://10.0.0.7:19530", "milvus", "milvus://10.0.0.7:19530"),
        ("milvus+tls://vectors.example/photos", "milvus+tls", "milvus+tls://vectors.example/photos"),
    ],
)
def test_servers(tmp_path: Path, url: str, scheme: str, server: str) -> None:
    found = place(tmp_path, f'[vectors]\nurl = "{url}"\nname = "photos_2"\n')
    assert found == VectorsPlace(url, scheme, "photos_2")
    assert found.server == server


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("vectors", "is no TOML"),
        ("\xff", "is no TOML"),
        ("[catalog]\nurl = 1", "has catalog, which is not known; mend the name"),
        ("vectors = 3", "is a section"),
        ('[vectors]\nurl = "milvus://a"\nindex = "hnsw"', r"has \[vectors\] index, which is not known"),
        ("[vectors]", r"names no server in \[vectors\]"),
        ("[vectors]\nurl = 7", r"names no server in \[vectors\]"),
        ('[vectors]\nurl = "milvus://a"\nname = "Fotos; drop"', "a name of which no server makes a table"),
        ('[vectors]\nurl = "mysql://a"', r"kind that is not known \(mysql://a\)"),
        ('[vectors]\nurl = "a"', r"kind that is not known \(no scheme\)"),
        ('[vectors]\nurl = "milvus://a:b"', "a url that is none"),
        ('[vectors]\nurl = "postgresql:///db"', "a url without a host"),
        (
            '[vectors]\nurl = "postgresql://u:secret@a/db"',
            "password in its url; take it out, and give it by PGPASSWORD",
        ),
        ('[vectors]\nurl = "postgresql://a/db?password=secret"', "password in its url"),
        ('[vectors]\nurl = "postgresql://a/db?passfile=/x"', r"setting in its url that is not known \(passfile\)"),
        ('[vectors]\nurl = "milvus://root:secret@a"', "password in its url; take it out, and give it by MILVUS_TOKEN"),
        ('[vectors]\nurl = "milvus://root@a"', "give USER:PASSWORD by MILVUS_TOKEN"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "store.toml").write_bytes(text.encode("latin-1"))
    with pytest.raises(UsageError, match=said) as error:
        vectors_place(tmp_path)
    assert str(tmp_path / "store.toml") in str(error.value)
    assert "secret" not in str(error.value)


def test_a_store_with_a_wrong_one_is_not_opened(tmp_path: Path) -> None:
    Store.create(tmp_path / "store").close()
    (tmp_path / "store" / "store.toml").write_text("[vectors]\nurl = 7")
    with pytest.raises(UsageError, match="names no server"):
        Store.open(tmp_path / "store")


def test_it_may_be_there_before_the_store(tmp_path: Path) -> None:
    (tmp_path / "store.toml").write_text("")
    Store.create(tmp_path).close()


def test_a_store_that_lost_its_id_is_opened_to_be_repaired(tmp_path: Path) -> None:
    (tmp_path / "store.toml").write_text('[vectors]\nurl = "postgresql://a/db"')

    def lost() -> str:
        raise StoreDamagedError("it is lost.")

    backend = chosen_backend(tmp_path, tmp_path / "vectors", lost)
    assert backend.version("image") is None
    with pytest.raises(StoreDamagedError, match="lost"):
        backend.state("image", "key")
