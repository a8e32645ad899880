"""How often the bundled encoder is said not to know a word: of English captions that its list of words was not made of,
and of other languages.

    python tests/benchmarks/bench_vocabulary.py --data FOLDER

FOLDER holds flickr8k/ (`val` and `test`), coco_captioned/ (other photographs than those of coco_text_pool.jsonl),
cc3m_sample/ and caltech101/ (class names). The foreign words are things that people look for, in French, German,
Spanish, Italian, Dutch and Polish; some are words of English as well ("kind", "boot"). Nothing here asserts.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path

from indexer.encoders.coverage import words_of
from indexer.encoders.graph_encoder import GraphEncoder

FOREIGN = (
    "chien chat voiture maison plage montagne fleur arbre homme femme enfant bateau oiseau cheval rouge bleu vert "
    "neige coucher soleil mer route vélo église ville fenêtre gâteau anniversaire Hund Katze Auto Haus Strand Berg "
    "Blume Baum Mann Frau Kind Boot Vogel Pferd rot blau Schnee Sonnenuntergang Meer Strasse Fahrrad Kirche Stadt "
    "Fenster Kuchen Geburtstag Wald Fluss Brücke Zug Flugzeug perro gato coche casa playa montaña flor árbol hombre "
    "mujer niño barco pájaro caballo rojo azul nieve puesta mar calle bicicleta iglesia ciudad ventana pastel "
    "cumpleaños bosque rio puente tren avion cane gatto macchina spiaggia montagna fiore albero uomo donna bambino "
    "barca uccello cavallo rosso neve tramonto mare strada bicicletta chiesa citta finestra torta compleanno bosco "
    "fiume ponte treno aereo hond kat huis strand bloem boom vrouw kind boot vogel paard sneeuw zonsondergang zee "
    "straat fiets kerk stad raam taart verjaardag bos rivier brug trein vliegtuig pies kot samochod dom plaza kwiat "
    "drzewo kobieta dziecko statek ptak kon snieg morze ulica rower kosciol miasto "
)


def captions(folder: Path, splits: tuple[str, ...]) -> list[str]:
    """Captions of these splits, of all where none is named."""
    rows = map(json.loads, (folder / "captions.jsonl").read_text(encoding="utf-8").splitlines())
    return [caption for row in rows if not splits or row["split"] in splits for caption in row["captions"]]


def main() -> None:
    """The command above."""
    parser = argparse.ArgumentParser(description="Measure which words are told.")
    parser.add_argument("--data", type=Path, required=True)
    given = parser.parse_args()
    encoder = GraphEncoder()
    sets: dict[str, tuple[str, ...]] = {
        "flickr8k": ("val", "test"), "coco_captioned": (), "cc3m_sample": (), "caltech101": (),
    }  # fmt: skip
    for name, splits in sets.items():
        counts = Counter(word for caption in captions(given.data / name, splits) for word in words_of(caption))
        told = {word: count for word, count in counts.items() if encoder.unread(word)}
        share = 100 * sum(told.values()) / counts.total()
        print(f"{name}: {share:.3f} % of {counts.total():,} words: {' '.join(sorted(told))}\n", flush=True)
    foreign = list(dict.fromkeys(FOREIGN.split()))
    passed = [word for word in foreign if not encoder.unread(word)]
    print(f"foreign: {len(foreign) - len(passed)} of {len(foreign)} words; not {' '.join(passed)}")


if __name__ == "__main__":
    main()
