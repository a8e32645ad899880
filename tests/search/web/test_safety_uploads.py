"""What is uploaded is bounded in bytes, pixels and time, and decoded once before it is kept."""

from __future__ import annotations

import asyncio
import gzip
import resource
import struct
import threading
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.errors import NotAnImageError
from indexer.settings import DecodeLimits
from search.web.problems import ProblemError
from search.web.settings import Limits
from search.web.uploads import Uploads
from tests.fixtures import hostile
from tests.fixtures.pictures import encoded, noise, png_chunk, png_claiming, png_with, quarters
from tests.fixtures.served import API, asked

UPLOADS = f"{API}/uploads"
PNG = encoded(quarters(), "PNG")
JPEG = {"Content-Type": "image/jpeg"}


def refused(store: Path, content: bytes, status: int = 422) -> str:
    with asked(store) as client:
        answer = client.post(UPLOADS, content=content, headers=JPEG)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
        assert client.get(f"{UPLOADS}/{'0' * 32}/thumbnail").status_code == 404
        detail: str = answer.json()["detail"]
        return detail


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"x",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<!DOCTYPE html><script>alert(1)</script>",
        b"PK\x03\x04" + bytes(100),
        b"%PDF-1.7",
        b"/etc/passwd",
        b"http://127.0.0.1:1/",
        PNG[:20],
        PNG[: len(PNG) // 2],
        encoded(noise(60, 60), "JPEG")[:400],
        b"\x89PNG\r\n\x1a\n" + bytes(500),
        b"GIF89a" + bytes(20),
        b"II*\0" + struct.pack("<I", 8) + b"\xff\xff" * 40,
        b"RIFF\xff\xff\xff\xffWEBPVP8 " + bytes(40),
    ],
)
def test_what_is_no_whole_image(red_store: Path, content: bytes) -> None:
    refused(red_store, content)


BOMBS = {
    "png of 60,000 x 60,000": lambda: png_claiming(60_000, 60_000),
    "png whose pixels are zeros": lambda: hostile.png_of_zeros(20_000, 14_000, 0),
    "gif": lambda: hostile.gif_claiming(65_000, 65_000),
    "tiff": lambda: hostile.tiff_with_a_tile(60_000),
    "webp": lambda: hostile.webp_of_one_colour(16_384, 16_384),
    "animated webp": lambda: hostile.webp_canvas(16_384, 16_384),
    "jpeg": lambda: hostile.jpeg_claiming(65_000, 65_000, progressive=True),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_takes_no_memory(red_store: Path, bomb: str) -> None:
    content = BOMBS[bomb]()
    assert len(content) < 5_000_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused(red_store, content)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 120_000  # kB: nothing near a GB of pixels


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is empty (zero bytes): the copy was interrupted; send it again, or another one."),
        (PNG[:20], "; send it again, or another one."),
        (gzip.compress(PNG), " and no image; send a JPEG, PNG, WebP or HEIC."),
        (b"GIF no", "; send a JPEG, PNG, WebP or HEIC."),
        (
            png_claiming(60_000, 60_000),
            "it has 60,000 x 60,000 pixels, more than the limit of 256,000,000; make it smaller.",
        ),
    ],
    ids=range(5),
)
def test_a_refusal_is_a_whole_sentence_with_a_step_for_who_uploads(red_store: Path, content: bytes, said: str) -> None:
    detail = refused(red_store, content)
    assert detail.startswith("The image cannot be used: ")
    assert detail.endswith(said)
    assert detail.count("; ") == 1


def test_a_zip_bomb_in_the_text_of_a_png_is_not_unpacked(red_store: Path) -> None:
    bomb = zlib.compress(bytes(200_000_000), 9)
    content = png_with(
        PNG, (b"zTXt", b"Comment\0\0" + bomb), (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + bomb), behind=True
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with asked(red_store) as client:
        assert client.post(UPLOADS, content=content, headers=JPEG).status_code in (201, 422)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 120_000


def test_too_many_bytes_are_refused_whether_they_are_announced_or_not(red_store: Path) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(40):
            yield bytes(10_000)

    with asked(red_store, limits=Limits(upload_bytes=100_000, body_bytes=10_000)) as client:
        for content in (bytes(400_000), pieces()):
            answer = client.post(UPLOADS, content=content, headers=JPEG)
            assert (answer.status_code, answer.json()["type"]) == (413, "too-large")
            assert "0.1 MB" in answer.json()["detail"]
        for content in (b" " * 20_000, iter([b" " * 6_000, b" " * 6_000])):
            answer = client.post(f"{API}/downloads", content=content, headers={"Content-Type": "application/json"})
            assert (answer.status_code, answer.json()["type"]) == (413, "too-large")
        assert client.post(UPLOADS, content=PNG, headers=JPEG).status_code == 201


def test_too_many_pixels_are_refused(red_store: Path) -> None:
    from search.web.pictures import Pictures

    with asked(red_store) as client:
        service = client.app.state.service  # type: ignore[attr-defined]
        service.pictures = Pictures(service.library, DecodeLimits(max_pixels=1_000))
        answer = client.post(UPLOADS, content=PNG, headers=JPEG)
        assert answer.status_code == 422
        assert "1,536" in answer.text or "48 x 32" in answer.json()["detail"]


def test_all_together_are_bounded_and_what_was_taken_is_given_back() -> None:
    async def work() -> None:
        uploads = Uploads(1_000, 600)
        async with uploads.receiving() as one:
            one.add(bytes(600))
            async with uploads.receiving() as two:
                with pytest.raises(ProblemError) as raised:
                    two.add(bytes(500))
                assert raised.value.problem.status == 503
            with pytest.raises(ProblemError) as raised:
                one.add(b"x")
            assert raised.value.problem.status == 413
        for _ in range(5):
            with pytest.raises(RuntimeError):
                async with uploads.receiving() as one:
                    one.add(bytes(600))
                    raise RuntimeError
        async with uploads.receiving() as one:
            one.add(bytes(600))

    asyncio.run(work())


def test_the_last_ones_are_kept() -> None:
    images = [encoded(noise(30, 30, seed), "PNG") for seed in range(6)]
    uploads = Uploads(2 * max(map(len, images)), 10**9)
    names = [uploads.add(image) for image in images]
    assert len(set(names)) == 6
    assert uploads.get(names[-1]) == images[-1]
    with pytest.raises(ProblemError):
        uploads.get(names[0])


@given(st.binary(max_size=200))
def test_no_content_is_taken_for_a_path(content: bytes) -> None:
    """Whatever is sent, it is looked at and not opened."""
    opened: list[object] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("indexer.reach.os.open", lambda *given, **_: opened.append(given))
        with suppress(NotAnImageError):
            Uploads(1_000, 1_000).add(content)
    assert not opened


def test_many_at_once_are_all_answered(red_store: Path) -> None:
    images = [encoded(noise(200, 150, seed), "JPEG") for seed in range(24)]
    held = threading.Barrier(8)

    def send(content: bytes) -> int:
        held.wait(30)
        return int(client.post(UPLOADS, content=content, headers=JPEG).status_code)

    with asked(red_store) as client, ThreadPoolExecutor(8) as pool:
        assert set(pool.map(send, images)) == {201}


def test_a_chunk_of_an_image_that_is_not_decoded_is_harmless(red_store: Path) -> None:
    """Markup behind the pixels stays data: the thumbnail is drawn anew."""
    content = png_with(PNG, (b"tEXt", b"Comment\0<script>alert(1)</script>"), behind=True) + png_chunk(b"eviL", b"x")
    with asked(red_store) as client:
        name = client.post(UPLOADS, content=content, headers=JPEG).json()["name"]
        drawn = client.get(f"{UPLOADS}/{name}/thumbnail")
    assert b"script" not in drawn.content
    assert drawn.headers["content-type"] == "image/webp"
