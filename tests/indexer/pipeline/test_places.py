"""Runs over photographs that lie in no folder: what is written is what a folder of the same files gives."""

from __future__ import annotations

import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from indexer.errors import PathNotFoundError, UsageError
from indexer.pipeline import run
from indexer.pipeline.engine import Engine
from indexer.pipeline.forget import forget
from indexer.settings import IndexSettings
from indexer.store import Store
from indexer.types import Report
from tests.fixtures import places_of_files
from tests.fixtures.colour_encoder import ColourTokenEncoder
from tests.fixtures.places_of_files import InFolder, InMemory, InTar, Place, tar_of
from tests.indexer.pipeline.test_engine import Sent, content

place = places_of_files.place
s3 = places_of_files.s3


def picture(name: str, side: int = 9) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (side, 8), name).save(written, "PNG")
    return written.getvalue()


FILES = {
    "2023/red.png": picture("red"),
    "2023/red.txt": b"a red thing",
    "2024/green.png": picture("green"),
    "2024/damaged.jpg": b"\xff\xd8\xff\xe0 no more",
    "2024/notes.doc": b"no picture",
    "blue.caption": b"blue, by itself",
    "blue.png": picture("blue"),
    "captions.csv": b"image,caption\n2024/green.png,green all over\nblue.png,blue\nnone.png,nothing\n",
}


def index(store: Path, *roots: str, engine: Engine | None = None, **settings: object) -> Report:
    opened = Store.create(store)
    try:
        with opened.writing():
            given = IndexSettings(**settings)  # type: ignore[arg-type]
            return run.run(opened, ColourTokenEncoder(), list(roots), given, engine=engine)
    finally:
        opened.close()


def same_but_for_the_root(one: tuple[Path, str], other: tuple[Path, str]) -> bool:
    seen = [
        repr(content(store)).replace(f"below {root}", "below ROOT").replace(f"{root}/", "ROOT/").replace(root, "ROOT")
        for store, root in (one, other)
    ]
    return seen[0] == seen[1]


@pytest.mark.parametrize("elsewhere", [False, True], ids=["here", "engine"])
def test_the_store_is_that_of_a_folder_to_the_last_bit_and_a_second_run_reads_nothing(
    place: Place, tmp_path: Path, elsewhere: bool
) -> None:
    place.put(FILES)
    (tmp_path / "plain").mkdir()
    folder = InFolder(tmp_path / "plain")
    folder.put(FILES)
    index(tmp_path / "expected", folder.root)
    engine = Sent(ColourTokenEncoder()) if elsewhere else None
    report = index(tmp_path / "store", place.root, engine=engine)
    assert (report.encoded, len(report.failures)) == (3, 1)
    assert same_but_for_the_root((tmp_path / "store", place.root), (tmp_path / "expected", folder.root))
    again = index(tmp_path / "store")
    assert (again.encoded, again.unchanged) == (0, 7)


def test_what_changes_and_goes_is_seen(place: Place, tmp_path: Path) -> None:
    place.put(FILES)
    index(tmp_path / "store", place.root)
    left = {name: data for name, data in FILES.items() if name != "blue.png"}
    place.put({**left, "2023/red.png": picture("white"), "new.png": picture("black", 10)})
    report = index(tmp_path / "store")
    assert (report.encoded, report.vanished) == (2, 1)


def test_a_part_of_it_is_a_part_of_its_root(place: Place, tmp_path: Path) -> None:
    place.put(FILES)
    index(tmp_path / "store", place.root)
    place.put({**FILES, "2023/new.png": picture("white"), "other.png": picture("black")})
    assert index(tmp_path / "store", f"{place.root}/2023").encoded == 1
    assert index(tmp_path / "store", place.root, ignores=("other.png",)).encoded == 0


def test_what_is_forgotten_stays_out(place: Place, tmp_path: Path) -> None:
    place.put(FILES)
    index(tmp_path / "store", place.root)
    opened = Store.open(tmp_path / "store")
    try:
        with opened.writing():
            gone = forget(opened.catalog, f"{place.root}/2023")
    finally:
        opened.close()
    assert gone.excluded == (f"{place.root}/2023",)
    place.put({**FILES, "2023/new.png": picture("white")})
    assert index(tmp_path / "store").encoded == 0


def test_a_tar_that_ends_early_gives_what_is_whole_and_takes_nothing_away(tmp_path: Path) -> None:
    tar = InTar(tmp_path)
    tar.put(FILES)
    index(tmp_path / "store", tar.root)
    data = tar_of({**FILES, "new.png": picture("white")})
    Path(tar.root).write_bytes(data[:6_000])
    report = index(tmp_path / "store")
    assert report.vanished == 0
    assert [(each.path, each.reason) for each in report.failures] == [
        (tar.root, "it ends early, and what follows is not known")
    ]
    assert not index(tmp_path / "store").failures  # told once
    Path(tar.root).write_bytes(data)
    healed = index(tmp_path / "store")
    assert (healed.encoded, healed.failures) == (1, [])


def test_a_tar_in_an_indexed_folder_is_a_root_of_its_own(tmp_path: Path) -> None:
    folder = InFolder(tmp_path)
    shard = f"{folder.root}/shard.tar"
    folder.put({"red.png": picture("red"), "shard.tar": tar_of({"blue.png": picture("blue")})})
    assert index(tmp_path / "store", folder.root).encoded == 1
    assert index(tmp_path / "store", shard).encoded == 1
    report = index(tmp_path / "store")
    assert (report.encoded, report.vanished) == (0, 0)


def test_a_listing_that_is_empty_is_taken_for_a_place_that_is_away(tmp_path: Path) -> None:
    memory = InMemory()
    memory.put(FILES)
    index(tmp_path / "store", memory.root)
    memory.put({})
    report = index(tmp_path / "store")
    assert report.vanished == 0
    assert report.warnings == [f"{memory.root} cannot be reached (nothing is there now); what is indexed is kept."]


@pytest.mark.parametrize(
    ("named", "error", "words"),
    [
        ("memory://nothing/here", PathNotFoundError, "is not there; check the spelling, or the address of its server"),
        ("s3://key:secret@bucket/photos", UsageError, "holds a password or a key"),
        ("https://a.example/p.jpg?X-Amz-Signature=abc", UsageError, "holds a password or a key"),
        ("zip://a.jpg::https://a.example/b.zip", UsageError, "is a chain of addresses"),
        ("nosuch://bucket/photos", UsageError, "is of a kind that is not read"),
    ],
)
def test_what_cannot_be_a_place_is_said(tmp_path: Path, named: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words) as raised:
        index(tmp_path / "store", named)
    assert "secret" not in str(raised.value)
    assert "abc" not in str(raised.value)


def test_a_package_that_is_missing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from indexer.storage import remote

    def lacking(*_: object, **__: object) -> object:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(remote, "url_to_fs", lacking)
    with pytest.raises(UsageError, match=r"takes the package s3fs; `pip install 'image-collection-search\[s3\]'`"):
        index(tmp_path / "store", f"s3://{tmp_path.name}/photos")


def test_links_and_names_that_lead_out_are_counted(tmp_path: Path) -> None:
    tar = InTar(tmp_path)
    tar.put({"../../red.png": picture("red"), "/abs.png": picture("red"), "blue.png": picture("blue")})
    report = index(tmp_path / "store", tar.root)
    assert report.encoded == 1
    assert report.warnings == [
        f"{tar.root}: 2 entries are left out, as links, devices or names that lead out of it (first: ../../red.png)."
    ]
    assert not (tmp_path.parent / "red.png").exists()


def test_a_table_of_names_gives_photographs_and_what_is_said_of_them(tmp_path: Path) -> None:
    folder, memory = InFolder(tmp_path), InMemory()
    folder.put({"red.png": picture("red"), "white.png": picture("white"), "not-named.png": picture("black")})
    memory.put({"blue.png": picture("blue")})
    table = tmp_path / "names.parquet"
    names = ["photos/red.png", f"{folder.root}/white.png", f"{memory.root}/blue.png", "photos/none.png", "../out.png"]
    said = ["a red thing", None, "blue all over", "nothing", "out"]
    pq.write_table(pa.table({"url": names, "caption": said}), table)
    report = index(tmp_path / "store", str(table))
    assert (report.encoded, report.texts) == (3, 3)
    assert report.warnings == [
        f"{table}: 1 name is left out, which leads out of its folder, holds a password, or is none.",
        f"{table}: 1 file that it names is not there (first: photos/none.png).",
    ]
    items = content(tmp_path / "store")[0]  # type: ignore[index]
    found = {(path.removeprefix(f"{table}/"), text) for _, path, text in items}
    assert {text for _, text in found} == {None, "a red thing", "blue all over", "nothing"}
    assert ("photos/red.png", None) in found
    assert (f"file:{folder.root}/white.png", None) in found
    assert index(tmp_path / "store").encoded == 0
    pq.write_table(pa.table({"url": names[2:3], "caption": ["blue, said anew"]}), table)
    changed = index(tmp_path / "store")
    assert (changed.encoded, changed.vanished, changed.texts) == (0, 2, 1)


def test_a_table_that_does_not_read_takes_nothing_away(tmp_path: Path) -> None:
    InFolder(tmp_path).put({"red.png": picture("red")})
    table = tmp_path / "names.parquet"
    pq.write_table(pa.table({"path": ["photos/red.png"]}), table)
    index(tmp_path / "store", str(table))
    table.write_bytes(table.read_bytes()[:-20])
    report = index(tmp_path / "store")
    assert report.vanished == 0
    assert "it is no Parquet file that reads" in report.failures[0].reason


def test_a_pattern_names_what_matches_it_now(tmp_path: Path) -> None:
    folder = InFolder(tmp_path)
    shards = {f"shard-{name}.tar": tar_of({f"{name}.png": picture(name)}) for name in ("red", "blue")}
    folder.put({**shards, "other.tar": tar_of({"green.png": picture("green")})})
    assert index(tmp_path / "store", f"{folder.root}/shard-*.tar").encoded == 2
    folder.put({**shards, "shard-white.tar": tar_of({"white.png": picture("white")})})
    assert index(tmp_path / "store").encoded == 0
    assert index(tmp_path / "store", f"{folder.root}/shard-*.tar").encoded == 1


def of_urls(kind: str, request: pytest.FixtureRequest) -> Place:
    if kind == "memory":
        return InMemory()
    request.getfixturevalue("s3")
    from tests.fixtures.s3_server import InS3

    return InS3()


@pytest.mark.parametrize("kind", ["memory", pytest.param("s3", marks=pytest.mark.scale)])
def test_a_pattern_of_urls(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    place = of_urls(kind, request)
    place.put({**FILES, "shard-1.tar": tar_of({"white.png": picture("white")})})
    assert index(tmp_path / "store", f"{place.root}/**/*.png").encoded == 3
    assert index(tmp_path / "other", f"{place.root}/202?/*.png").encoded == 2
    assert index(tmp_path / "third", f"{place.root}/shard-*.tar").encoded == 1


@pytest.mark.parametrize("pattern", ["none-*.tar", "**/none?.jpg"])
def test_a_pattern_that_matches_nothing_is_said(tmp_path: Path, pattern: str) -> None:
    with pytest.raises(PathNotFoundError, match="Nothing matches"):
        index(tmp_path / "store", str(tmp_path / pattern))
    with pytest.raises(PathNotFoundError, match="Nothing matches"):
        index(tmp_path / "store", f"memory://{tmp_path.name}/{pattern}")


def test_a_file_that_is_called_like_a_pattern_is_itself(tmp_path: Path) -> None:
    InFolder(tmp_path).put({"what?.png": picture("red"), "whats.png": picture("blue")})
    assert index(tmp_path / "store", str(tmp_path / "photos" / "what?.png")).encoded == 1


def test_what_may_not_be_listed_takes_nothing_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from indexer.storage import remote
    from indexer.storage.remote_errors import told

    memory = InMemory()
    memory.put(FILES)
    index(tmp_path / "store", memory.root)
    plain = remote.Remote._ls

    def listed(self: remote.Remote, folder: str) -> object:
        if folder.endswith("/2024"):
            raise told(PermissionError("Forbidden"))
        return plain(self, folder)

    monkeypatch.setattr(remote.Remote, "_ls", listed)
    report = index(tmp_path / "store")
    assert report.vanished == 0
    assert [(each.path, each.reason) for each in report.failures] == [(f"{memory.root}/2024", "permission denied")]
