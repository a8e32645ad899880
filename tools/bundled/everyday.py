"""Short everyday queries over the `val` photographs, with right answers read from their captions.

A photograph is right when two of its captions say what is asked (one, where it has only one): the words of the query in
their order, close to each other, in any of the forms listed here. What a photograph shows and no caption mentions
counts as wrong, so that the numbers are low; they compare encoders.

    python -m tools.bundled.everyday --data FOLDER [--model FOLDER]
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from indexer.metrics import InnerProducts, Relevance, hits, rank_all
from indexer.types import Float32

#: Other words may stand between two of a query's words, so many at most.
GAP: Final = 3
SETS: Final = ("flickr8k", "coco_captioned")
#: Words that mean the same, or less than what is asked for: a puppy is a dog.
FORMS: Final = {
    "man": "man men guy guys gentleman",
    "woman": "woman women lady ladies",
    "boy": "boy boys",
    "girl": "girl girls",
    "child": "child children kid kids toddler toddlers boy boys girl girls baby",
    "person": "person people man men woman women guy guys boy boys girl girls someone child children lady kid player",
    "dog": "dog dogs puppy puppies",
    "cat": "cat cats kitten kittens",
    "bird": "bird birds seagull seagulls duck ducks parrot owl",
    "bicycle": "bicycle bicycles bike bikes",
    "motorcycle": "motorcycle motorcycles motorbike motorbikes dirtbike",
    "car": "car cars",
    "couch": "couch sofa",
    "street": "street streets road",
    "ride": "rides riding ride rode",
    "run": "runs running run",
    "jump": "jumps jumping jump leaps leaping",
    "swim": "swims swimming swim",
    "sit": "sits sitting sit seated",
    "play": "plays playing play",
    "hold": "holds holding hold",
    "eat": "eats eating eat",
    "climb": "climbs climbing climb",
    "catch": "catches catching catch",
    "fly": "flies flying fly",
    "ski": "skis skiing ski",
    "surf": "surfs surfing surf surfer surfers",
    "stand": "stands standing stand",
    "sleep": "sleeps sleeping asleep",
    "smile": "smiles smiling",
    "walk": "walks walking walk",
    "kayak": "kayak kayaks kayaking kayaker kayakers canoe canoeing",
    "sled": "sled sleds sledding",
    "donut": "donut donuts doughnut doughnuts",
    "wear": "wears wearing in",
    "bus": "bus buses",
    "bench": "bench benches",
    "beach": "beach beaches",
    "church": "church churches",
    "couple": "couple",
    "grass": "grass",
    "rock": "rock rocks cliff boulder",
    "mountain": "mountain mountains",
    "slide": "slide slides",
    "swing": "swing swings swinging",
    "guitar": "guitar guitars",
    "bath": "bathroom bathrooms restroom",
    "plane": "plane planes airplane airplanes jet",
    "snowboard": "snowboard snowboards snowboarder snowboarding snowboarders",
    "skateboard": "skateboard skateboards skateboarder skateboarding skateboarders",
}


@dataclass(frozen=True, slots=True)
class Query:
    """What is typed, and the words to look for in captions, each a key of `FORMS` or a word."""

    text: str
    words: tuple[str, ...]


def _query(text: str, words: str) -> Query:
    return Query(text, tuple(words.split()))


QUERIES: Final = tuple(
    _query(text, words)
    for text, words in (
        ("a giraffe", "giraffe"),
        ("an elephant", "elephant"),
        ("a cat", "cat"),
        ("a dog", "dog"),
        ("a bird", "bird"),
        ("a horse", "horse"),
        ("a stop sign", "stop sign"),
        ("a traffic light", "traffic light"),
        ("a fire hydrant", "hydrant"),
        ("a clock", "clock"),
        ("a pizza", "pizza"),
        ("donuts", "donut"),
        ("a cake", "cake"),
        ("bananas", "banana"),
        ("fruit", "fruit"),
        ("vegetables", "vegetable"),
        ("a laptop", "laptop"),
        ("a kitchen", "kitchen"),
        ("a bathroom", "bath"),
        ("a toilet", "toilet"),
        ("a sink", "sink"),
        ("a bed", "bed"),
        ("a bench", "bench"),
        ("an umbrella", "umbrella"),
        ("a train", "train"),
        ("a bus", "bus"),
        ("a truck", "truck"),
        ("a car", "car"),
        ("an airplane", "plane"),
        ("a boat", "boat"),
        ("a motorcycle", "motorcycle"),
        ("luggage", "luggage"),
        ("scissors", "scissors"),
        ("a tennis player", "tennis"),
        ("a baseball player", "baseball"),
        ("a soccer game", "soccer"),
        ("a football player", "football"),
        ("basketball", "basketball"),
        ("a kite", "kite"),
        ("a black dog", "black dog"),
        ("a brown dog", "brown dog"),
        ("a white dog", "white dog"),
        ("a black and white dog", "black white dog"),
        ("a red shirt", "red shirt"),
        ("a blue shirt", "blue shirt"),
        ("a red jacket", "red jacket"),
        ("a cowboy hat", "cowboy hat"),
        ("a girl in pink", "girl pink"),
        ("a man with a beard", "man beard"),
        ("a city street", "city street"),
        ("a crowd of people", "crowd"),
        ("an old man", "old man"),
        ("a little girl", "little girl"),
        ("a baby", "baby"),
        ("someone riding a bike", "ride bicycle"),
        ("a dog running through grass", "dog run grass"),
        ("a dog running on the beach", "dog run beach"),
        ("a dog jumping", "dog jump"),
        ("a dog in the snow", "dog snow"),
        ("a dog swimming", "dog swim"),
        ("a man climbing a rock", "person climb rock"),
        ("someone surfing", "surf"),
        ("someone skiing", "ski"),
        ("a snowboarder", "snowboard"),
        ("a skateboarder doing a trick", "skateboard trick"),
        ("kayaking", "kayak"),
        ("children playing in water", "child play water"),
        ("a child on a swing", "child swing"),
        ("a man playing guitar", "guitar"),
        ("people sitting on a bench", "sit bench"),
        ("a child eating", "child eat"),
        ("a woman talking on the phone", "phone"),
        ("someone sleeping", "sleep"),
        ("a person smiling", "smile"),
        ("people walking in the snow", "walk snow"),
        ("a boy in a swimming pool", "child pool"),
        ("a tent", "tent"),
        ("a fountain", "fountain"),
    )
)


def _forms(word: str) -> set[str]:
    return set(FORMS[word].split()) if word in FORMS else {word, f"{word}s", f"{word}es"}


def says(caption: str, query: Query) -> bool:
    """Whether the query's words stand in the caption in their order, `GAP` others between two at most."""
    words = re.findall(r"[a-z]+", caption.lower())
    ends = {place for place, word in enumerate(words) if word in _forms(query.words[0])}
    for wanted in query.words[1:]:
        forms = _forms(wanted)
        near = {place for end in ends for place in range(end + 1, end + GAP + 2)}
        ends = {place for place in near if place < len(words) and words[place] in forms}
    return bool(ends)


def right_answers(captions: Sequence[Sequence[str]]) -> list[list[int]]:
    """For each of `QUERIES` the places of the photographs, by their captions, that are right."""
    return [
        [place for place, said in enumerate(captions) if sum(says(one, query) for one in said) >= min(2, len(said))]
        for query in QUERIES
    ]


def everyday_numbers(texts: Float32, images: Float32, relevance: Relevance) -> tuple[float, float, float]:
    """Percent of queries whose first hit is right, with one of five right, and the mean average precision at 50."""
    ranks = rank_all(InnerProducts(texts, images), relevance)
    total = 0.0
    for start, stop in zip(ranks.offsets[:-1], ranks.offsets[1:], strict=True):
        found = ranks.ranks[start:stop]
        order = np.arange(1, len(found) + 1)
        total += float((order / found)[found <= 50].sum() / min(50, len(found)))
    first, five = (float(100 * hits(ranks, cut).mean()) for cut in (1, 5))
    return first, five, 100 * total / len(relevance)


def main() -> None:
    """The command above."""
    from indexer.encoders.graph_encoder import GraphEncoder
    from tools.bundled.datasets import read_captions
    from tools.bundled.report import encode_rows

    parser = argparse.ArgumentParser(description="Everyday queries over photographs of val.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path, default=None, help="default: the one that ships")
    given = parser.parse_args()
    rows = [row for name in SETS for row in read_captions(given.data / name, "val")]
    answers = right_answers([row.captions for row in rows])
    encoder = GraphEncoder(given.model)
    images = encode_rows(encoder, rows)
    texts = encoder.encode_texts([query.text for query in QUERIES]).vectors
    pairs = np.array([(query, place) for query, found in enumerate(answers) for place in found], np.int64)
    found = everyday_numbers(texts, images, Relevance.of_pairs(pairs[:, 0], pairs[:, 1], len(QUERIES)))
    print(
        f"{len(QUERIES)} queries over {len(rows)} photographs: first hit {found[0]:.1f}, one of five {found[1]:.1f}, "
        f"mAP@50 {found[2]:.1f}"
    )


if __name__ == "__main__":
    main()
