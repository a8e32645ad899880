"""The contact sheet: one HTML file with the hits as pictures, nothing loaded from anywhere."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from search.html import heat_map
from search.html.page import document, escape, picture, write_page
from search.query.query import Query
from search.results import Hit, Results, percent

#: Shape of the place for a picture.
PLACE = (4, 3)
#: Longest side of a picture on the sheet, in pixels: sharp on a dense screen at the width of a column.
SIDE = 480

_STYLE = """
:root { color-scheme: light dark; --ink: #1c1b1a; --soft: #6d6a66; --paper: #faf9f7; --card: #fff; --line: #e6e3df; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #ecebe9; --soft: #9b9894; --paper: #171716; --card: #222120; --line: #343230; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1400px; padding: 2rem 1.5rem 4rem; background: var(--paper); color: var(--ink);
  font: 15px/1.45 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
header { display: flex; gap: 1.25rem; align-items: center; margin-bottom: 1.75rem; }
header img { height: 96px; border-radius: 8px; }
h1 { margin: 0; font-size: 1.6rem; font-weight: 600; overflow-wrap: anywhere; }
header p, .note { margin: .25rem 0 0; color: var(--soft); }
ol { list-style: none; margin: 0; padding: 0; display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(230px, 1fr)); }
li { background: var(--card); border: 1px solid var(--line); border-radius: 10px; overflow: hidden; display: flex;
  flex-direction: column; }
.picture { aspect-ratio: 4 / 3; position: relative; display: flex; align-items: center; justify-content: center;
  background: var(--line); }
.picture img { position: absolute; inset: 0; width: 100%; height: 100%; object-fit: contain; }
.picture span { color: var(--soft); padding: 1rem; text-align: center; }
.about { padding: .6rem .8rem .75rem; display: grid; gap: .3rem; }
.rank { display: flex; justify-content: space-between; font-variant-numeric: tabular-nums; }
.rank b { font-weight: 600; }
.bar { height: 4px; border-radius: 2px; background: var(--line); }
.bar i { display: block; height: 100%; border-radius: 2px; background: #3f7fbf; }
.weak .picture { opacity: .45; } .weak .rank, .weak .name { color: var(--soft); } .weak .bar i { background: #9b9894; }
.name { overflow-wrap: anywhere; font-weight: 500; }
.path, .facts { color: var(--soft); font-size: .82rem; overflow-wrap: anywhere; }
blockquote { margin: 0; font-style: italic; overflow-wrap: anywhere; }
"""


def write_sheet(path: Path, results: Results, query: Query) -> None:
    """Write the sheet to `path`, all or nothing. Raises UsageError when that cannot be written."""
    write_page(path, sheet(results, query), "The contact sheet")


def sheet(results: Results, query: Query) -> str:
    """The page. Pictures are read from the files as they are now; one that is gone leaves its place empty."""
    with ThreadPoolExecutor() as pool:
        pictures = list(pool.map(lambda hit: picture(hit.path, SIDE), results))
    shown = escape(str(query) if query.image is None else os.path.basename(query.image))
    asked = ""
    if query.image is not None:
        asked = f'<img src="{picture(query.image, SIDE) or ""}" alt="the query image">'
    notes = "".join(f'<p class="note">{escape(note)}</p>' for note in results.notes)
    count = f"{len(results)} hit{'' if len(results) == 1 else 's'}" if results else escape(results.absence)
    cards = "\n".join(
        _card(rank, hit, shown, results.calibrated)
        for rank, (hit, shown) in enumerate(zip(results, pictures, strict=True), 1)
    )
    explanations = [hit.explanation for hit in results]
    legend = next((heat_map.legend(one) for one in explanations if one is not None), "")
    header = f"<header>{asked}<div><h1>{shown}</h1><p>{count}</p>{notes}{legend}</div></header>"
    return document(f"{shown} – search", _STYLE + heat_map.style(explanations), f"{header}\n<ol>\n{cards}\n</ol>")


def _card(rank: int, hit: Hit, shown: str | None, calibrated: bool) -> str:
    name, folder = escape(os.path.basename(hit.path)), escape(os.path.dirname(hit.path))
    image = f'<img src="{shown}" alt="{name}">' if shown else "<span>no picture to show</span>"
    words = ""
    if hit.explanation is not None and hit.metadata is not None:
        if shown:
            size = heat_map.frame_size(hit.metadata.width, hit.metadata.height, *PLACE)
            image = f'<div class="frame" style="{size}">{image}{heat_map.over(hit.explanation)}</div>'
        words = heat_map.words(hit.explanation)
    text = f"<blockquote>{escape(hit.text)}</blockquote>" if hit.text is not None else ""
    guess = "" if calibrated else "~"
    score = (
        f'<span title="score {hit.score:.3f}, cosine similarity {hit.similarity:.3f}">'
        f"{'weak match, ' if hit.weak else ''}{guess}{escape(percent(hit.probability))}</span>"
    )
    kind = ' class="weak"' if hit.weak else ""
    return (
        f'<li{kind}><div class="picture">{image}</div><div class="about">'
        f'<div class="rank"><b>{rank}</b>{score}</div>'
        f'<div class="bar"><i style="width: {100 * hit.probability:.0f}%"></i></div>{words}{text}'
        f'<div class="name">{name}</div><div class="path">{folder}</div>{_facts(hit)}</div></li>'
    )


def _facts(hit: Hit) -> str:
    about = hit.metadata
    if about is None:
        return ""
    facts = [f"{about.width} × {about.height}"]
    if about.taken_at is not None:
        facts.append(about.taken_at[:16].replace("T", " "))
    if about.camera is not None:
        facts.append(about.camera)
    return f'<div class="facts">{escape(" · ".join(facts))}</div>'
