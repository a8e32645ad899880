"""What `search train encoder` prints: what to do with the result, the curve, each method before and after."""

from __future__ import annotations

import shlex
from typing import Final

from indexer.counted import counted
from indexer.encoders.mapped_encoder import METHOD as HEADS
from search.shell.printing import print_line
from search.shell.training_table import HEADING, MRR, gain_rows
from search.training.gains import EncoderGains
from search.training.report import EncoderReport, Tried

#: Why figures of one base differ by method.
_EXPORTED: Final = (
    "The base of heads is the encoder as it makes an index (exported, int8); that of the others is in torch."
)
_PROMPTED: Final = (
    "Pass 0 has the untrained vectors of prompt before the words already; the base itself is judged below."
)


def print_encoder_training(report: EncoderReport) -> None:
    """The verdict, notes, the curve of the chosen method, and a table of recalls on held-out images."""
    print_line(verdict(report))
    for note in report.notes:
        print_line(f"Note: {note}")
    for line in lines(report):
        print_line(line)


def lines(report: EncoderReport) -> list[str]:
    """All but the verdict and the notes, a line a string."""
    found = [f"Trained on {counted(report.images, 'image')} and {counted(report.texts, 'text')}. {MRR}", ""]
    found += _curve(report.chosen)
    for each in report.tried:
        found += _tried(each)
    return [*found[:-1], *_about_bases(report)]


def verdict(report: EncoderReport) -> str:
    """What became of it, and the next command."""
    if report.helps:
        return (
            f"{report.method} helps. It lies in {report.folder}; use it with "
            f"`search index --reencode --encoder {shlex.quote(report.encoder)}`."
        )
    if report.kept_earlier:
        return f"It was not shown to help; the earlier one in {report.folder} stays. More pairs may help."
    if report.chosen.best == 0:
        return (
            f"It was not shown to help: no pass was better than {report.base} itself, with which the store stays; what "
            f"was trained lies in {report.folder} all the same. More pairs, or another encoder, may help."
        )
    return (
        f"It was not shown to help; it lies in {report.folder} and the store stays with {report.base}. "
        "More pairs, or another encoder, may help."
    )


def _about_bases(report: EncoderReport) -> list[str]:
    """A line where methods were measured beside different figures of one base."""
    gains = {each.method: each.gains for each in report.tried if each.gains is not None}
    heads = gains.pop(HEADS, None)
    mine = heads and (heads.to_images.before, heads.to_texts.before)
    if heads is None or all((each.to_images.before, each.to_texts.before) == mine for each in gains.values()):
        return []
    return ["", f"{_EXPORTED} Each gain is over its own base."]


def _begins(tried: Tried) -> list[str]:
    """A line where pass 0 is not the base."""
    return [_PROMPTED] if tried.method == "prompt" else []


def _curve(tried: Tried) -> list[str]:
    """A line a pass, of the images that choose."""
    rows = [f"{tried.method}, by passes     loss    MRR    R@1 text to image, image to text"]
    for line in tried.curve:
        loss = "       -" if line["loss"] is None else f"{line['loss']:8.3f}"
        recalls = [100 * line[side]["R@1"] for side in ("text-to-image", "image-to-text")]
        best = "  best" if line["pass"] == tried.best else ""
        rows.append(f"{line['pass']:>16} {loss} {100 * line['MRR']:6.1f} {recalls[0]:6.1f} {recalls[1]:6.1f}{best}")
    rows += _begins(tried)
    return [*rows, *([f"It ended early: {tried.ended}."] if tried.ended else []), ""]


def _tried(tried: Tried) -> list[str]:
    if tried.gains is None:
        return [f"{tried.method}: {tried.problem}", ""]
    found = tried.gains
    rows = [
        f"{tried.method}, judged on {counted(found.images, 'other image')}:",
        HEADING,
        *gain_rows("text to image", found.to_images, "base", "adapted"),
        *gain_rows("image to text", found.to_texts, "base", "adapted"),
        f"{'both':<52}   {_both(found)}",
    ]
    if tried.attack is not None:
        each = tried.attack
        rows.append(
            f"under attack ({each.kind}, {each.epsilon:g} of 255, {counted(each.images, 'image')}): image to text R@1 "
            f"{100 * each.before:.1f}, adapted {100 * each.after:.1f}"
        )
    return [*rows, ""]


def _both(found: EncoderGains) -> str:
    return f"MRR {100 * found.gain:+.1f} (90 % interval {100 * found.low:+.1f} to {100 * found.high:+.1f})"
