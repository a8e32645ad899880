"""The HTML report: one file with figures, plots and the worst failures as pictures; nothing loaded from anywhere."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from search.evaluation.results import DirectionResult, Estimate, Evaluation, Miss, Shown, StageResult, percentiles
from search.evaluation.wording import (
    TITLES,
    cell,
    comparison_title,
    difference,
    index_sentence,
    metric_names,
    protocol,
    trust_sentence,
)
from search.html.page import document, escape, picture, write_page
from search.html.plots import latency_histogram, rank_histogram, recall_curve, reliability_diagram

#: Longer side of a picture, in pixels: the wanted one is shown at about half of that.
SIDE = 360

_STYLE = """
:root { color-scheme: light dark; --ink: #1c1b1a; --soft: #6d6a66; --paper: #faf9f7; --card: #fff; --line: #e6e3df;
  --s0: #2f6fb3; --s1: #c05a20; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #ecebe9; --soft: #9b9894; --paper: #171716; --card: #222120; --line: #343230;
    --s0: #6ea8e2; --s1: #e8925e; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1180px; padding: 2rem 1.5rem 4rem; background: var(--paper); color: var(--ink);
  font: 15px/1.45 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
h1 { margin: 0; font-size: 1.6rem; font-weight: 600; overflow-wrap: anywhere; }
h2 { margin: 2.5rem 0 .25rem; font-size: 1.15rem; font-weight: 600; }
h3 { margin: 0 0 .5rem; font-size: .95rem; font-weight: 600; }
p { margin: .3rem 0; } .soft, header p { color: var(--soft); overflow-wrap: anywhere; }
.tiles { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(190px, 1fr)); margin: 1.5rem 0 1rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 1rem 1.1rem; }
.tile b { display: block; font-size: 1.9rem; font-weight: 600; line-height: 1.2; font-variant-numeric: tabular-nums; }
.tile span { display: block; color: var(--soft); font-size: .85rem; }
.key { display: inline-block; width: .7em; height: .7em; border-radius: 2px; margin-right: .45em; }
.key.s0 { background: var(--s0); } .key.s1 { background: var(--s1); }
.wide { overflow-x: auto; padding: .35rem 1.1rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { font-weight: 600; } td, th { padding: .45rem .8rem .45rem 0; text-align: left; white-space: nowrap; }
tr + tr td, tbody tr:first-child td { border-top: 1px solid var(--line); }
td small { color: var(--soft); font-size: .85em; }
.plots { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr));
  margin-top: .75rem; }
.legend { color: var(--soft); font-size: .85rem; margin: 0 0 .4rem; } .legend span { margin-right: 1.1em; }
svg { display: block; width: 100%; height: auto; overflow: visible; } svg text { fill: var(--soft); font-size: 12px; }
svg .value { fill: var(--ink); font-weight: 600; } .grid { stroke: var(--line); } .floor { stroke: var(--soft); }
.s0 { --c: var(--s0); } .s1 { --c: var(--s1); }
.line { fill: none; stroke: var(--c); stroke-width: 2.2; stroke-linejoin: round; }
.chance { stroke-width: 1.3; stroke-dasharray: 2 4; } .band { fill: var(--c); opacity: .17; }
.dot { fill: var(--c); stroke: var(--card); stroke-width: 1.5; } .bar { fill: var(--c); }
.count { fill: var(--soft); opacity: .28; } .mark { stroke: var(--ink); stroke-dasharray: 3 3; }
.misses { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 480px), 1fr));
  margin-top: .75rem; }
.miss blockquote { margin: 0 0 .75rem; font-weight: 500; overflow-wrap: anywhere; }
.pictures { display: grid; gap: .5rem; grid-template-columns: 1.45fr 1fr 1fr 1fr; align-items: start; }
figure { margin: 0; min-width: 0; }
.frame { aspect-ratio: 1; border-radius: 6px; overflow: hidden; background: var(--line); display: flex;
  align-items: center; justify-content: center; text-align: center; color: var(--soft); font-size: .75rem; }
.wanted .frame { outline: 2px solid var(--s0); outline-offset: -2px; }
.frame img { width: 100%; height: 100%; object-fit: contain; }
figcaption { font-size: .78rem; color: var(--soft); margin-top: .3rem; overflow-wrap: anywhere; }
figcaption b { color: var(--ink); font-weight: 600; }
"""


def write_report(path: Path, found: Evaluation) -> None:
    """Write the report to `path`, all or nothing. Raises UsageError when that cannot be written."""
    write_page(path, report(found), "The report")


def report(found: Evaluation) -> str:
    """The page. Pictures are read from the files as they are now; one that is gone leaves its place empty."""
    name = escape(os.path.basename(os.path.normpath(found.source)))
    split = f", split {escape(found.split)}" if found.split is not None else ""
    counts = f"{found.pairs:,} captions" if found.kind == "captions" else f"{found.texts:,} labels"
    stages = "".join(_stage(stage, titled=len(found.stages) > 1) for stage in found.stages)
    body = f"""<header><h1>{name}{split}</h1>
<p>{found.images:,} images, {counts}, encoder {escape(found.encoder)}</p></header>
{stages}
{_compared(found)}
{_answers(found)}
<h2>How to read this</h2>
<p class="soft">{escape(protocol(found))}</p>
{_meaning(found)}
{_notes(found)}"""
    return document(f"{name} – search eval", _STYLE, body)


def _stage(stage: StageResult, *, titled: bool) -> str:
    heading = f"<h2>{escape(stage.name)}</h2>" if titled else ""
    tiles = "".join(_tile(number, one, name) for number, one in enumerate(stage.directions) for name in _headline(one))
    legend = "".join(
        f'<span><i class="key s{number}"></i>{TITLES[one.direction]}</span>'
        for number, one in enumerate(stage.directions)
    )
    return f"""{heading}<div class="tiles">{tiles}</div>
{_table(stage)}
<div class="plots">
<section class="card"><h3>A right answer among the first k</h3>
<p class="legend">{legend}<span>dotted: a random order</span></p>{recall_curve(stage.directions)}</section>
<section class="card"><h3>Where the right answer stands</h3>
<p class="legend">{legend}<span>share of queries</span></p>{rank_histogram(stage.directions)}</section>
</div>
{_reliability(stage)}
{_misses(stage)}"""


def _headline(one: DirectionResult) -> list[str]:
    """The smallest and the largest cut-off."""
    recalls = [name for name in one.metrics if name.startswith("R@")]
    return list(dict.fromkeys([recalls[0], recalls[-1]]))


def _tile(number: int, one: DirectionResult, name: str) -> str:
    estimate = one.metrics[name]
    interval = (
        ""
        if estimate.low is None or estimate.high is None
        else (f"{100 * estimate.low:.1f} to {100 * estimate.high:.1f} %")
    )
    return (
        f'<div class="card tile"><span><i class="key s{number}"></i>{TITLES[one.direction]}, {name}</span>'
        f"<b>{100 * estimate.value:.1f} %</b><span>{interval}</span></div>"
    )


def _table(stage: StageResult) -> str:
    heads = "".join(
        f'<th><i class="key s{n}"></i>{TITLES[one.direction]}</th>' for n, one in enumerate(stage.directions)
    )
    rows = [
        ("queries", [f"{one.queries:,}" for one in stage.directions]),
        ("candidates", [f"{one.candidates:,}" for one in stage.directions]),
        *(
            (name, [_cell(name, one.metrics[name]) if name in one.metrics else "" for one in stage.directions])
            for name in metric_names(stage)
        ),
    ]
    body = "".join(
        f"<tr><td>{name}</td>{''.join(f'<td>{value}</td>' for value in values)}</tr>" for name, values in rows
    )
    return f'<div class="card wide"><table><thead><tr><th></th>{heads}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(name: str, estimate: Estimate) -> str:
    value, _, interval = cell(name, estimate).partition("  ")
    return f"{value} <small>{interval}</small>" if interval else value


def _reliability(stage: StageResult) -> str:
    """Reliability diagrams of both directions."""
    if not stage.reliability:
        return ""
    cards = "".join(
        f'<section class="card"><h3>{TITLES[one.direction].capitalize()}</h3><p class="legend">'
        '<span><i class="key s0"></i>first ten hits</span><span><i class="key s1"></i>first hit alone</span>'
        "<span>dashed: as it should be</span><span>grey: how many first hits</span></p>"
        f'{reliability_diagram(one.hits, one.first)}<p class="legend">Expected calibration error, '
        f"{escape(trust_sentence(one))}.</p></section>"
        for one in stage.reliability
    )
    return (
        "<h2>Whether probabilities can be trusted</h2><p class='soft'>Every query is asked twice: of these images and "
        "texts, and of the same without its right answers, so that half of the time nothing matches. Right is every "
        "photograph that a caption describes as well as captions of one photograph describe each other's. The expected "
        "calibration error is the mean distance of dots from the dashed line, in percentage points.</p>"
        f'<div class="plots">{cards}</div>'
    )


def _compared(found: Evaluation) -> str:
    """The second stage against the first."""
    if not found.comparisons:
        return ""
    names = list(dict.fromkeys(name for one in found.comparisons for name in one.differences))
    heads = "".join(f"<th>{TITLES[one.direction]}</th>" for one in found.comparisons)
    body = "".join(
        f"<tr><td>{name}</td>"
        + "".join(f"<td>{difference(name, one.differences[name])}</td>" for one in found.comparisons)
        + "</tr>"
        for name in names
    )
    return (
        f'<h2>What the second stage adds</h2><p class="soft">{escape(comparison_title(found))}. '
        "In brackets: 95 % paired bootstrap intervals.</p>"
        f'<div class="card wide"><table><thead><tr><th></th>{heads}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def _misses(stage: StageResult) -> str:
    if not stage.misses:
        return "<h2>Worst failures</h2><p class='soft'>None: every text found a right image first.</p>"
    shown = [one for miss in stage.misses for one in (miss.wanted, *miss.found)]
    with ThreadPoolExecutor() as pool:
        addresses = dict(
            zip([one.path for one in shown], pool.map(lambda one: picture(one.path, SIDE), shown), strict=True)
        )
    cards = "\n".join(_miss(miss, addresses) for miss in stage.misses)
    return (
        "<h2>Worst failures</h2><p class='soft'>Texts whose photograph (outlined) was found latest, one a photograph, "
        f'and what came first instead.</p><div class="misses">{cards}</div>'
    )


def _miss(miss: Miss, addresses: dict[str, str | None]) -> str:
    found = "".join(
        _figure(one, addresses[one.path], f"<b>{place}</b> · {one.score:.3f}", "")
        for place, one in enumerate(miss.found, 1)
    )
    wanted = _figure(
        miss.wanted, addresses[miss.wanted.path], f"<b>rank {miss.rank:,}</b> · {miss.wanted.score:.3f}", "wanted"
    )
    return (
        f'<article class="card miss"><blockquote>“{escape(miss.text)}”</blockquote>'
        f'<div class="pictures">{wanted}{found}</div></article>'
    )


def _figure(one: Shown, address: str | None, caption: str, kind: str) -> str:
    name = escape(os.path.basename(one.path))
    image = f'<img src="{address}" alt="{name}">' if address else "no picture to show"
    return (
        f'<figure class="{kind}" title="{escape(one.path)}"><div class="frame">{image}</div>'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _answers(found: Evaluation) -> str:
    latency = found.latency
    if latency is None:
        return ""
    steps = latency.steps | {"together": latency.total}
    cells = [(name, percentiles(step)) for name, step in steps.items()]
    rows = "".join(
        f"<tr><td>{name}</td><td>{p['p50_ms']:.1f} ms</td><td>{p['p95_ms']:.1f} ms</td></tr>" for name, p in cells
    )
    index = f"<h3>The vector index</h3><p>{escape(index_sentence(found))}.</p>" if found.index is not None else ""
    return f"""<h2>Speed and the index</h2><div class="plots">
<section class="card"><h3>Time of a query</h3>
<p class="legend">{len(latency.encode):,} texts, one at a time, over the whole index</p>
{latency_histogram(latency)}</section>
<section class="card"><h3>Where the time goes</h3>
<table><thead><tr><th></th><th>p50</th><th>p95</th></tr></thead><tbody>{rows}</tbody></table><br>{index}</section></div>"""


def _meaning(found: Evaluation) -> str:
    labels = found.kind == "labels"
    lines = [
        "R@k: share of queries with a right answer among the first k. Median rank: half of the queries have their "
        "first right answer there or before. MRR: mean of 1 / that rank. nDCG@10: right answers among the first ten, "
        "earlier ones counting more, 1 for the best order there could be.",
        "Text to image: each "
        + (
            "label is a query, every photograph with it is right; mAP is the mean precision at the right ones. "
            if labels
            else "caption is a query, its photograph is right. "
        )
        + "Image to text: each photograph is a query, "
        + ("its label is right." if labels else "each of its captions is right."),
    ]
    return "".join(f'<p class="soft">{line}</p>' for line in lines)


def _notes(found: Evaluation) -> str:
    return "<h2>Notes</h2>" + "".join(f"<p>{escape(note)}</p>" for note in found.notes) if found.notes else ""
