"""Makes `data/models/bundled/words.txt`: the words that the bundled encoder has learned.

    python -m tools.vocabulary.build --data FOLDER --english FILE FILE --lemmas FILE

FOLDER holds the captions that it was trained on (flickr8k/captions.jsonl, `train`) and others of the same kind
(coco_text_pool.jsonl): words that stand there twice, as what stands there once is a slip of the pen more often than
not. `--english`: word lists of SCOWL, one word a line (of Debian's packages wamerican and wbritish, 2020.12.07):
English, which its text tower had read before. `--lemmas`: timm's imagenet_synset_to_lemma.txt, names of things in
WordNet; names of one word. The same files make the same bytes.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from indexer.encoders.vocabulary import write_words
from indexer.text import folded

OUT = Path(__file__).resolve().parents[2] / "data" / "models" / "bundled" / "words.txt"
#: Captions that a word has to stand in.
LEAST = 2


def words_of(text: str) -> Iterator[str]:
    """The words of letters in a text, folded, without what stands behind an apostrophe."""
    return (
        found.partition("'")[0] for found in re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)?", folded(text.replace("’", "'")))
    )


def captions(data: Path) -> Iterator[str]:
    """The texts that the encoder was trained on, and others like them."""
    for line in (data / "flickr8k" / "captions.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["split"] == "train":
            yield from row["captions"]
    for line in (data / "coco_text_pool.jsonl").read_text(encoding="utf-8").splitlines():
        yield from json.loads(line)["captions"]


def english(files: Iterable[Path]) -> Iterator[str]:
    """The words of lists."""
    for file in files:
        yield from words_of(file.read_text(encoding="utf-8"))


def lemmas(file: Path) -> Iterator[str]:
    """Names of one word, of `n02123159<TAB>tiger cat, tabby`."""
    for line in file.read_text(encoding="utf-8").splitlines():
        for name in line.partition("\t")[2].split(", "):
            if name.isalpha():
                yield folded(name)


def main() -> None:
    """The command above."""
    parser = argparse.ArgumentParser(description="Make the vocabulary of the bundled encoder.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--english", type=Path, nargs="+", required=True)
    parser.add_argument("--lemmas", type=Path, required=True)
    given = parser.parse_args()
    counts = Counter(word for caption in captions(given.data) for word in words_of(caption))
    said = {word for word, count in counts.items() if count >= LEAST}
    words = said | set(english(given.english)) | set(lemmas(given.lemmas))
    write_words(OUT, words)
    print(f"{OUT}: {len(words):,} words, {OUT.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
