"""What one machine fits to a store on a server, libraries of others answer with, which stay open."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

import search
from indexer.errors import StoreUnwritableError
from indexer.store_address import store_folder
from search.calibration.calibrate import CalibrationSettings
from tests.crash.worlds import BATCH, new_world
from tests.fixtures.colour_encoder import ColourTokenEncoder
from tests.fixtures.postgres_server import PASSWORD, PostgresServer

pytestmark = pytest.mark.usefixtures("one_torch_thread")


def answers(library: search.Library) -> list[Any]:
    """Percentages and order, to the last bit."""
    asked = ("black white blue green scene0", "mostly white and red view1")
    return [[(hit.path, hit.score, hit.probability) for hit in library.query(line, k=20)] for line in asked]


def test_they_answer_with_it_from_the_next_question_on(
    tmp_path: Path, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = postgres_server.new_database()
    world = new_world(tmp_path / "world", 160)

    def machine(name: str, user: str = "postgres") -> search.Library:
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / name))
        folder = store_folder(str(address.set(username=user)))
        return search.open(folder, encoder=ColourTokenEncoder(batch_size=BATCH))

    database = str(address.database)
    with machine("one") as one, machine("two") as two:
        one.index(world.photos)
        before = answers(one)
        assert answers(two) == before
        assert one.calibrate(world.pairs, settings=CalibrationSettings(images=str(world.photos))).path is not None
        assert answers(one) == answers(two) != before
        calibrated = answers(one)
        train(one, world)
        assert not (two.folder / "reranker").exists()
        assert answers(two) == answers(one)
        assert (two.folder / "reranker" / "reranker.json").is_file()
        pictures = sorted(world.photos.glob("*.png"))
        for number, path in enumerate(pictures[:40]):
            (tmp_path / "classes" / "ab"[number % 2]).mkdir(parents=True, exist_ok=True)
            shutil.copy(path, tmp_path / "classes" / "ab"[number % 2] / path.name)
        one.train_probe(tmp_path / "classes", name="mine")
        assert two.probes() == ["mine"]
        assert [each.name for each in two.status().probes] == ["mine"]
        assert sorted_into(two, pictures[0]) == sorted_into(one, pictures[0])
        postgres_server.execute(f"CREATE ROLE fitted_guest LOGIN PASSWORD '{PASSWORD}'")
        try:
            postgres_server.execute("GRANT USAGE ON SCHEMA image_search TO fitted_guest", database)
            postgres_server.execute("GRANT SELECT ON ALL TABLES IN SCHEMA image_search TO fitted_guest", database)
            with machine("three", "fitted_guest") as three:
                assert answers(three) == answers(one)
                with pytest.raises(StoreUnwritableError, match=r"this user may only read it; ask its owner"):
                    three.calibrate(world.pairs)
                with pytest.raises(StoreUnwritableError, match=r"this user may only read it; ask its owner"):
                    three.train_probe(tmp_path / "classes")
        finally:
            postgres_server.execute("DROP OWNED BY fitted_guest", database)
            postgres_server.execute("DROP ROLE fitted_guest")
        assert two.reset_calibration()
        assert not (two.folder / "calibration.json").exists()
        assert answers(one) == answers(two) != calibrated


def sorted_into(library: search.Library, photograph: Path) -> list[float]:
    found = library.classify(photograph)
    return [*found.order.ravel().tolist(), *found.shares.ravel().tolist()]


def train(library: search.Library, world: Any) -> None:
    """As `Library.train_reranker`, which has no settings for so small a network."""
    from search.rerank.fusion_model import FusionSettings
    from search.rerank.train import train_reranker
    from search.rerank.training_settings import TrainingSettings

    network = FusionSettings(4, hidden=8, heads=2, layers=1)
    settings = TrainingSettings(epochs=2, batch=64, negatives=7, pool=16, network=network)
    with library._reading() as opened:
        encoder = ColourTokenEncoder(batch_size=BATCH)
        train_reranker(str(world.pairs), opened.store, encoder, images=str(world.photos), settings=settings)
        opened.store.publish()


def test_an_adapted_encoder_is_found_in_the_store_wherever_that_lies(tmp_path: Path) -> None:
    from indexer.encoders.adapted_spec import in_store

    (tmp_path / "here" / "adapted" / "0123456789ab").mkdir(parents=True)
    own = f"adapted:{tmp_path / 'here' / 'adapted' / '0123456789ab'}"
    assert in_store("adapted:/of/another/machine/adapted/0123456789ab", tmp_path / "here") == own
    assert in_store(own, tmp_path / "elsewhere") == own
    for name in ("bundled", "adapted:/trained/elsewhere/0123456789ab", "adapted:/away/adapted/unknown"):
        assert in_store(name, tmp_path / "here") == name
