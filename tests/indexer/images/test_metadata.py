"""Metadata: what is said is found, nonsense is left out, and damage costs nothing but itself."""

from __future__ import annotations

import struct
import tracemalloc
import unicodedata
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile
from PIL.TiffImagePlugin import IFDRational

from indexer.errors import NotAnImageError
from indexer.images.iptc import read_iptc
from indexer.images.metadata import is_junk, read_metadata
from indexer.images.xmp import read_xmp
from indexer.text import MAX_TEXT_LENGTH, clean_text
from indexer.types import Metadata
from tests.fixtures import pictures
from tests.fixtures.pictures import encoded, iptc_block, jpeg_with, png_with, quarters, xmp_packet

JPEG = encoded(quarters(), "JPEG")
PNG = encoded(quarters(), "PNG")


def _exif(
    main: dict[int, object] | None = None, exif: dict[int, object] | None = None, gps: dict[int, object] | None = None
) -> Image.Exif:
    block = Image.Exif()
    for tag, value in (main or {}).items():
        block[tag] = value
    if exif:
        block.get_ifd(0x8769).update(exif)
    if gps:
        block.get_ifd(0x8825).update(gps)
    return block


def _jpeg_exif(
    main: dict[int, object] | None = None, exif: dict[int, object] | None = None, gps: dict[int, object] | None = None
) -> Metadata:
    return read_metadata(encoded(quarters(), "JPEG", exif=_exif(main, exif, gps)))


def _xmp(body: str = "", attributes: str = "") -> Metadata:
    return read_metadata(jpeg_with(JPEG, xmp=xmp_packet(body, attributes).encode()))


def test_a_picture_that_says_nothing() -> None:
    assert read_metadata(JPEG) == Metadata(48, 32, "JPEG")
    with pytest.raises(NotAnImageError):
        read_metadata(b"nothing")


@pytest.mark.parametrize(
    "image_format", [f for f in ("JPEG", "PNG", "WEBP", "TIFF", "HEIF", "AVIF") if pictures.can_encode(f)]
)
def test_exif_in_every_format_that_holds_it(image_format: str) -> None:
    block = _exif(
        {0x010E: "Two boats", 0x010F: "Canon", 0x0110: "Canon EOS 5D", 0x0112: 6},
        {0x9003: "2024:05:03 18:20:11", 0x9011: "+02:00"},
        {1: "S", 2: (33.0, 51.0, 30.0), 3: "E", 4: (151.0, 12.0, 36.0)},
    )
    found = read_metadata(encoded(quarters(), image_format, exif=block.tobytes()))
    assert (found.width, found.height, found.format) == (32, 48, image_format)
    assert found.captions == ("Two boats",)
    assert found.camera == "Canon EOS 5D"
    assert found.taken_at == "2024-05-03T18:20:11+02:00"
    assert (found.latitude, found.longitude) == (-33.8583333, 151.21)


# Time


_IPTC_TIME = iptc_block((2, 55, b"20200103"), (2, 60, b"030405+0100"))
_LATER_FIRST: list[tuple[dict[int, object], dict[int, object], str, bytes, str]] = [
    ({}, {0x9003: "2020:01:01 01:00:00", 0x9004: "2020:01:01 02:00:00"}, "", b"", "2020-01-01T01:00:00"),
    ({}, {0x9003: "0000:00:00 00:00:00", 0x9004: "2020:01:01 02:00:00"}, "", b"", "2020-01-01T02:00:00"),
    (
        {0x0132: "2020:01:01 09:00:00"},
        {0x9004: "2020:01:01 02:00:00", 0x9012: "-05:00", 0x9010: "+01:00"},
        'xmp:CreateDate="2020-01-02T03:04:05"',
        _IPTC_TIME,
        "2020-01-01T02:00:00-05:00",
    ),
    (
        {0x0132: "2020:01:01 09:00:00"},
        {},
        'xmp:CreateDate="2020-01-02T03:04:05"',
        _IPTC_TIME,
        "2020-01-02T03:04:05",
    ),
    (
        {},
        {},
        'xmp:CreateDate="2020-01-02T03:04:05" photoshop:DateCreated="2020-01-02T02" exif:DateTimeOriginal="nonsense"',
        b"",
        "2020-01-02T00:00:00",
    ),
    ({0x0132: "2020:01:01 09:00:00"}, {}, "", _IPTC_TIME, "2020-01-03T03:04:05+01:00"),
    ({0x0132: "2020:01:01 09:00:00"}, {0x9010: "+01:00"}, "", b"", "2020-01-01T09:00:00+01:00"),
]


@pytest.mark.parametrize(("main", "exif", "xmp", "iptc", "expected"), _LATER_FIRST)
def test_the_time_taken_comes_from_where_it_is_said_best(
    main: dict[int, object], exif: dict[int, object], xmp: str, iptc: bytes, expected: str
) -> None:
    data = encoded(quarters(), "JPEG", exif=_exif(main, exif))
    packet = xmp_packet("", f'xmlns:xmp="http://ns.adobe.com/xap/1.0/" {xmp}').encode() if xmp else b""
    assert read_metadata(jpeg_with(data, xmp=packet, iptc=iptc)).taken_at == expected


def test_the_time_of_xmp_counts_when_exif_has_none() -> None:
    assert _xmp(attributes='exif:DateTimeOriginal="2020-01-02T03:04:05"').taken_at == "2020-01-02T03:04:05"
    assert _xmp("<photoshop:DateCreated>2020-01-02</photoshop:DateCreated>").taken_at == "2020-01-02T00:00:00"
    both = jpeg_with(
        encoded(quarters(), "JPEG", exif=_exif(exif={0x9003: "0000:00:00 00:00:00"})),
        xmp=xmp_packet("", 'exif:DateTimeOriginal="2020-01-02T03:04:05"').encode(),
    )
    assert read_metadata(both).taken_at == "2020-01-02T03:04:05"


# Camera and place


@pytest.mark.parametrize(
    ("make", "model", "expected"),
    [
        ("Canon", "Canon EOS 5D", "Canon EOS 5D"),
        ("NIKON CORPORATION", "NIKON D90", "NIKON D90"),
        ("Apple", "iPhone 15", "Apple iPhone 15"),
        ("SONY  \0", "ILCE-7M3\0garbage", "SONY ILCE-7M3"),
        ("", "X100", "X100"),
        ("FUJIFILM", "   ", "FUJIFILM"),
        ("", "", None),
    ],
)
def test_cameras(make: str, model: str, expected: str | None) -> None:
    assert _jpeg_exif({0x010F: make, 0x0110: model}).camera == expected


_ZERO = IFDRational(0, 0)


@pytest.mark.parametrize(
    ("gps", "expected"),
    [
        ({1: "N", 2: (48.0, 51.5, 0.0), 3: "W", 4: (2.0, 21.0, 7.2)}, (48.8583333, -2.352)),
        ({1: "N", 2: (48.0, IFDRational(515, 10), _ZERO), 3: "E", 4: (2.0, 0.0, _ZERO)}, (48.8583333, 2.0)),
        ({1: "n", 2: (48.5, 0.0, 0.0), 3: "e", 4: (2.0, 0.0, 0.0)}, (48.5, 2.0)),
        ({1: "N", 2: (_ZERO, _ZERO, _ZERO), 3: "E", 4: (2.0, 0.0, 0.0)}, (None, None)),
        ({2: (48.0, 0.0, 0.0), 3: "E", 4: (2.0, 0.0, 0.0)}, (None, None)),
        ({1: "N", 2: (91.0, 0.0, 0.0), 3: "E", 4: (2.0, 0.0, 0.0)}, (None, None)),
        ({1: "N", 2: (45.0, 0.0, 0.0), 3: "E", 4: (181.0, 0.0, 0.0)}, (None, None)),
        ({1: "N", 2: (0.0, 0.0, 0.0), 3: "E", 4: (0.0, 0.0, 0.0)}, (None, None)),
        ({1: "N", 2: (48.0, 0.0, 0.0)}, (None, None)),
        ({1: "X", 2: (48.0, 0.0, 0.0), 3: "E", 4: (2.0, 0.0, 0.0)}, (None, None)),
    ],
)
def test_places(gps: dict[int, object], expected: tuple[float | None, float | None]) -> None:
    found = _jpeg_exif(gps=gps)
    assert (found.latitude, found.longitude) == expected


def _place(latitude: str, longitude: str, gps: dict[int, object] | None = None) -> tuple[float | None, float | None]:
    attributes = f'exif:GPSLatitude="{latitude}" exif:GPSLongitude="{longitude}"'
    data = encoded(quarters(), "JPEG", exif=_exif(gps=gps))
    found = read_metadata(jpeg_with(data, xmp=xmp_packet("", attributes).encode()))
    return found.latitude, found.longitude


@pytest.mark.parametrize(
    ("latitude", "longitude", "expected"),
    [
        ("48,51.507N", "2,21.12E", (48.85845, 2.352)),
        ("33,51,30S", "151,12,36.0E", (-33.8583333, 151.21)),
        ("48.8584", "-2.352", (48.8584, -2.352)),
        ("48.8584n", "2.352w", (48.8584, -2.352)),
        ("0,0.0N", "0,0.0E", (None, None)),
        ("48,51.507E", "2,21.12E", (None, None)),
        ("-48,51.507N", "2,21.12E", (None, None)),
        ("91,0N", "2,21.12E", (None, None)),
        ("48,51.507N", "181", (None, None)),
        ("48,51.507N", "", (None, None)),
        ("1e3", "nan", (None, None)),
    ],
)
def test_places_of_xmp(latitude: str, longitude: str, expected: tuple[float | None, float | None]) -> None:
    assert _place(latitude, longitude) == expected


def test_the_place_of_exif_comes_before_that_of_xmp() -> None:
    paris: dict[int, object] = {1: "N", 2: (48.5, 0.0, 0.0), 3: "E", 4: (2.0, 0.0, 0.0)}
    assert _place("1,0N", "1,0E", paris) == (48.5, 2.0)
    paris[1] = "X"
    assert _place("1,0N", "1,0E", paris) == (1.0, 1.0)  # never half of the one and half of the other


# Lens


@pytest.mark.parametrize(
    ("make", "model", "expected"),
    [
        ("Canon", "EF50mm f/1.8 STM", "Canon EF50mm f/1.8 STM"),
        ("Apple", "iPhone 12 back camera 4.2mm f/1.6", "Apple iPhone 12 back camera 4.2mm f/1.6"),
        ("NIKON", "NIKON  Z 50mm\0\0", "NIKON Z 50mm"),
        ("----", "24-70mm", "24-70mm"),
        ("Canon", "----", None),
        ("", "0.0 mm f/0.0", None),
        ("Sony", "", None),
        ("", "Unknown (0)", None),
    ],
)
def test_lenses(make: str, model: str, expected: str | None) -> None:
    assert _jpeg_exif(exif={0xA433: make, 0xA434: model}).lens == expected


def test_the_lens_of_xmp_counts_when_exif_has_none() -> None:
    names = 'xmlns:aux="http://ns.adobe.com/exif/1.0/aux/" xmlns:exifEX="http://cipa.jp/exif/1.0/"'
    assert _xmp(attributes=f'{names} aux:Lens="EF85mm f/1.8 USM"').lens == "EF85mm f/1.8 USM"
    assert _xmp(attributes=f'{names} aux:Lens="Old" exifEX:LensModel="New"').lens == "New"
    assert _xmp(attributes=f'{names} aux:Lens="----"').lens is None
    both = jpeg_with(
        encoded(quarters(), "JPEG", exif=_exif(exif={0xA434: "50mm"})),
        xmp=xmp_packet("", f'{names} aux:Lens="EF85mm"').encode(),
    )
    assert read_metadata(both).lens == "50mm"


# Captions and keywords


def test_captions_from_everywhere_each_once() -> None:
    iptc = iptc_block(
        (1, 90, b"\x1b%G"), (2, 120, b"Zwei Boote am Strand"), (2, 5, b"Boats"), (2, 25, "Küste".encode()),
        (2, 25, b"boat"),
    )  # fmt: skip
    xmp = xmp_packet(
        '<dc:description><rdf:Alt><rdf:li xml:lang="de">Zwei Boote am Strand</rdf:li>'
        '<rdf:li xml:lang="x-default">Two boats on the beach</rdf:li></rdf:Alt></dc:description>'
        '<dc:title><rdf:Alt><rdf:li xml:lang="x-default">Boats</rdf:li></rdf:Alt></dc:title>'
        "<dc:subject><rdf:Bag><rdf:li>boat</rdf:li><rdf:li>sea</rdf:li></rdf:Bag></dc:subject>"
    )
    main: dict[int, object] = {
        0x010E: "two boats on the beach",
        0x9C9B: "Titel\0".encode("utf-16-le"),
        0x9C9C: "Kommentar \U0001f6f6\0".encode("utf-16-le"),
        0x9C9E: "sea;sand\0".encode("utf-16-le"),
    }
    found = read_metadata(jpeg_with(encoded(quarters(), "JPEG", exif=_exif(main)), xmp=xmp.encode(), iptc=iptc))
    assert found.captions == (
        "Two boats on the beach",
        "Zwei Boote am Strand",
        "Boats",
        "Titel",
        "Kommentar \U0001f6f6",
    )
    assert found.keywords == ("boat", "sea", "Küste", "sand")


def test_iptc_in_latin_1_and_in_undeclared_utf_8() -> None:
    assert read_metadata(jpeg_with(JPEG, iptc=iptc_block((2, 120, b"Caf\xe9 am See")))).captions == ("Café am See",)
    undeclared = iptc_block((2, 120, "Café am See".encode()))
    assert read_metadata(jpeg_with(JPEG, iptc=undeclared)).captions == ("Café am See",)


def test_iptc_of_extended_length_and_of_damaged_length() -> None:
    long = b"\x1c\x02\x78\x80\x04" + struct.pack(">I", 5) + b"hello"
    assert read_iptc(long).captions == ("hello",)
    for broken in (b"\x1c\x02\x78\x80\x04\xff\xff\xff\xff", b"\x1c\x02\x78\xff\xff", b"\x1c\x02\x78\x00\x09short"):
        assert read_iptc(iptc_block((2, 25, b"kept")) + broken).keywords == ("kept",)


def test_exif_text_in_utf_8() -> None:
    raw = "Café in Kraków"
    block = _exif({0x010E: "?" * len(raw.encode())}).tobytes()[6:]
    block = block.replace(b"?" * len(raw.encode()), raw.encode())
    assert read_metadata(jpeg_with(JPEG, exif=block)).captions == (raw,)


@pytest.mark.parametrize(
    "junk",
    [
        "OLYMPUS DIGITAL CAMERA         ", "DCIM", "SONY DSC", "MINOLTA DIGITAL CAMERA", 
        "KONICA MINOLTA DIGITAL CAMERA",
        "SAMSUNG DIGITAL CAMERA", "DIGITAL CAMERA", "Digital StillCamera", "Exif_JPEG_PICTURE", "   ", "", "\0\0\0",
        "default", "-", "...", "Screenshot", "charset=Ascii",
    ],
)  # fmt: skip
def test_what_cameras_write_is_no_caption(junk: str) -> None:
    assert is_junk(junk)
    assert _jpeg_exif({0x010E: junk or " "}).captions == ()


@pytest.mark.parametrize("text", ["A digital camera on a table", "Sony Center, Berlin", "dog", "Camera museum"])
def test_what_people_write_is_a_caption(text: str) -> None:
    assert _jpeg_exif({0x010E: text}).captions == (text,)


@pytest.mark.parametrize("behind", [False, True])
def test_texts_of_png(behind: bool) -> None:
    xmp = xmp_packet("<dc:subject><rdf:Bag><rdf:li>Łódź</rdf:li></rdf:Bag></dc:subject>")
    data = png_with(
        PNG,
        (b"tEXt", b"Title\0Caf\xe9"),
        (b"zTXt", b"Comment\0\0" + zlib.compress(b"A comment")),
        (b"iTXt", b"Description\0\0\0en\0\0" + "A łódka".encode()),
        (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(xmp.encode())),
        (b"tEXt", b"Software\0Paint"),
        behind=behind,
    )
    found = read_metadata(data)
    assert found.captions == ("A łódka", "Café", "A comment")
    assert found.keywords == ("Łódź",)


def test_exif_that_imagemagick_put_into_a_png() -> None:
    raw = _exif({0x010E: "From the magician"}).tobytes()
    text = b"Raw profile type exif\0\nexif\n%8d\n" % len(raw) + raw.hex().encode() + b"\n"
    assert read_metadata(png_with(PNG, (b"tEXt", text))).captions == ("From the magician",)


def test_a_zip_bomb_in_a_png_is_not_unpacked_whole() -> None:
    bomb = zlib.compress(bytes(50_000_000), 9)
    data = png_with(PNG, (b"eXIf", b""), (b"zTXt", b"Comment\0\0" + bomb), behind=True)
    tracemalloc.start()
    try:
        read_metadata(data)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 10_000_000


def test_iptc_in_a_tiff() -> None:
    block = iptc_block((2, 120, b"In a TIFF"))
    block += bytes(-len(block) % 4)
    data = encoded(quarters(), "TIFF", tiffinfo={33723: block})
    assert read_metadata(data).captions == ("In a TIFF",)
    entry = struct.pack("<HHI", 33723, 7, len(block))
    assert entry in data
    longs = data.replace(entry, struct.pack("<HHI", 33723, 4, len(block) // 4))  # as Photoshop writes it
    assert read_metadata(longs).captions == ("In a TIFF",)


# Bounds and hostility


def test_bounds() -> None:
    many = "".join(f"<rdf:li>word {number}</rdf:li>" for number in range(500))
    found = _xmp(f"<dc:subject><rdf:Bag>{many}</rdf:Bag></dc:subject><dc:title><rdf:Alt>{many}</rdf:Alt></dc:title>")
    assert len(found.keywords) == 100
    assert len(found.captions) == 20
    assert found.keywords[0] == "word 0"
    long = _jpeg_exif({0x010E: "x " * 30_000})
    assert len(long.captions[0]) <= MAX_TEXT_LENGTH


def test_entities_are_refused_in_any_encoding() -> None:
    packet = (
        '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
        + xmp_packet("<dc:title>&b;</dc:title>").partition("?>")[2]
    )
    for encoding in ("utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32"):
        assert read_xmp(packet.encode(encoding)).titles == ()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_xmp_in_every_encoding(encoding: str) -> None:
    packet = xmp_packet("<dc:title>Łódź</dc:title>").partition("?>")[2]
    assert read_xmp(packet.encode(encoding)).titles == ("Łódź",)


def test_an_encoding_that_the_packet_claims_is_not_believed() -> None:
    packet = '<?xml version="1.0" encoding="utf-7"?>' + xmp_packet("<dc:title>fine</dc:title>").partition("?>")[2]
    assert read_xmp(packet.encode()).titles == ("fine",)


def test_oversized_and_deep_xmp() -> None:
    assert read_xmp(xmp_packet("<dc:title>x</dc:title>").encode() + b" " * 2_000_000).titles in ((), ("x",))
    assert read_xmp(xmp_packet("<dc:title>" + "<a>" * 50_000 + "</a>" * 50_000 + "</dc:title>").encode()).titles == ()
    assert read_xmp(xmp_packet(f"<dc:title>{'y' * 1_100_000}</dc:title>").encode()).titles == ()


def test_properties_of_parts_are_not_those_of_the_picture() -> None:
    inner = "<xmpMM:Parts xmlns:xmpMM='m'><rdf:Description dc:title='a part'/></xmpMM:Parts>"
    assert read_xmp(xmp_packet(inner + "<dc:title>the whole</dc:title>").encode()).titles == ("the whole",)


def test_clean_text() -> None:
    assert clean_text("  e\u0301t\u00e9 \t\t x\0y\x1b \r\n z\ud800 ") == "été xy \n z".replace("x y", "xy").replace(
        "y\n", "y \n"
    )
    assert clean_text("...") == ""
    assert clean_text("\U0001f600") == "\U0001f600"
    assert clean_text("x" * 5000) == "x" * 2000


@given(st.text(st.characters(codec=None)))
def test_cleaned_text_is_fit_to_keep(text: str) -> None:
    cleaned = clean_text(text, 50)
    assert len(cleaned) <= 50
    cleaned.encode("utf-8")
    assert "\0" not in cleaned
    assert cleaned == cleaned.strip()
    assert unicodedata.is_normalized("NFC", cleaned)


_EXIF_BLOCK = _exif(
    {0x010E: "A description", 0x010F: "Make", 0x0110: "Model", 0x0112: 6, 0x9C9B: "T\0".encode("utf-16-le")},
    {0x9003: "2024:05:03 18:20:11", 0x9011: "+02:00"},
    {1: "N", 2: (48.0, 51.5, 0.0), 3: "W", 4: (2.0, 21.0, 7.2)},
).tobytes()[6:]
_IPTC_BLOCK = iptc_block((1, 90, b"\x1b%G"), (2, 120, b"A caption"), (2, 25, b"word"))
_XMP_BLOCK = xmp_packet("<dc:title>x</dc:title>", 'exif:DateTimeOriginal="2020-01-02T03:04:05"').encode()


@st.composite
def _damaged(draw: st.DrawFn, block: bytes) -> bytes:
    data = bytearray(block)
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(data) - 1))
        data[at : at + draw(st.integers(0, 4))] = draw(st.binary(max_size=4))
        if not data:
            break
    return bytes(data[:60_000])


def _sane(found: Metadata) -> None:
    assert (found.width, found.height) in ((48, 32), (32, 48))
    for text in (*found.captions, *found.keywords, found.camera or "x", found.taken_at or "x"):
        assert text
        assert "\0" not in text
        text.encode("utf-8")
    assert len(set(found.captions)) == len(found.captions) <= 20
    assert found.latitude is None or -90 <= found.latitude <= 90
    assert (found.latitude is None) == (found.longitude is None)


@given(_damaged(_EXIF_BLOCK), _damaged(_IPTC_BLOCK), _damaged(_XMP_BLOCK))
@settings(max_examples=200, deadline=None)
def test_damaged_metadata_raises_nothing(exif: bytes, iptc: bytes, xmp: bytes) -> None:
    _sane(read_metadata(jpeg_with(JPEG, exif=exif, iptc=iptc, xmp=xmp)))
    _sane(read_metadata(png_with(PNG, (b"eXIf", exif), (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp), behind=True)))


@given(st.binary(max_size=300), st.binary(max_size=300), st.binary(max_size=300))
@settings(max_examples=100, deadline=None)
def test_any_bytes_as_metadata_raise_nothing(exif: bytes, iptc: bytes, xmp: bytes) -> None:
    _sane(read_metadata(jpeg_with(JPEG, exif=b"II*\0\x08\0\0\0" + exif, iptc=iptc, xmp=b"<x>" + xmp)))
    chunks = [(b"eXIf", exif), (b"zTXt", b"Comment\0\0" + iptc), (b"iTXt", b"Title\0" + xmp)]
    _sane(read_metadata(png_with(PNG, *chunks, behind=True)))


def test_metadata_are_read_without_the_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    big = encoded(
        pictures.noise(2000, 1500), "JPEG", exif=_exif({0x010E: "A description"}, {0x9003: "2024:05:03 18:20:11"})
    )
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda self: pytest.fail("pixels were decoded"))
    found = read_metadata(big)
    assert (found.captions, found.taken_at) == (("A description",), "2024-05-03T18:20:11")
    header = big[: big.index(b"\xff\xda") + 20]  # up to where the pixels begin
    assert len(header) < len(big) / 100
    assert read_metadata(header) == found
