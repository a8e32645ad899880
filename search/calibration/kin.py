"""Words that mean the same in captions, or more: "dogs" and "dog", "puppy" for "dog", "bicycle" for "bike".

Stems by a few rules and a table of irregular forms; what stands for what by a table of its own. It has to be right for
words that captions have often, not for English.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

_WORDS: Final = re.compile(r"[A-Za-z]+(?:-[A-Za-z]+)*")
_FORMS: Final = (
    "men:man women:woman children:child people:person persons:person feet:foot teeth:tooth geese:goose mice:mouse "
    "wolves:wolf knives:knife leaves:leaf loaves:loaf shelves:shelf calves:calf buses:bus bus:bus ran:run "
    "running:run rode:ride ridden:ride sat:sit sitting:sit stood:stand ate:eat eaten:eat lay:lie lying:lie "
    "laying:lie lies:lie swam:swim swimming:swim threw:throw thrown:throw held:hold wore:wear worn:wear "
    "caught:catch fought:fight flew:fly flown:fly drove:drive fell:fall slept:sleep grass:grass glass:glass "
    "glasses:glasses dress:dress dresses:dress this:this tennis:tennis pyjamas:pyjamas pajamas:pyjamas "
    "tshirt:t-shirt tv:television airplane:plane aeroplane:plane airplanes:plane photos:photo"
)
_IRREGULAR: Final = dict(pair.split(":") for pair in _FORMS.split())
#: What a word may stand for besides itself: each of the words behind the colon says the one before it.
_KIN: Final = """
person: man woman boy girl child guy lady kid toddler baby infant male female gentleman adult teenager teen player skier
    surfer skateboarder snowboarder biker cyclist bicyclist climber hiker runner rider swimmer dancer singer worker
    couple crowd family someone human friend mother father mom dad son daughter bride groom chef police officer
    fisherman jogger soldier student boarder diver batter pitcher catcher racer youth youngster tourist hockey-player
man: guy gentleman father dad groom fisherman male businessman
woman: lady female mother mom bride
girl: daughter
boy: son
child: kid boy girl toddler baby infant youngster
kid: child boy girl toddler baby infant youngster
guy: man male
lady: woman
baby: infant toddler
toddler: baby
dog: puppy pup retriever terrier poodle greyhound dalmatian collie labrador lab pug beagle bulldog husky boxer shepherd
    corgi chihuahua dachshund hound doberman rottweiler spaniel pitbull schnauzer whippet canine
puppy: pup
cat: kitten kitty feline
animal: dog cat horse cow sheep elephant giraffe zebra bear bird puppy kitten goat deer
bird: pigeon gull seagull duck swan goose eagle parrot owl flamingo ostrich heron pelican chicken
horse: pony foal
cow: bull calf cattle
cattle: cow
sheep: lamb
bike: bicycle motorbike
bicycle: bike
motorcycle: motorbike dirtbike dirt-bike
car: sedan taxi suv automobile jeep
vehicle: car truck bus van sedan taxi jeep suv
truck: pickup
boat: ship canoe kayak sailboat raft rowboat speedboat yacht ferry
plane: jet airliner aircraft
aircraft: plane jet airliner helicopter
train: locomotive
couch: sofa
sofa: couch
street: road
road: street highway
sidewalk: pavement
ocean: sea
sea: ocean
water: ocean sea lake river pool pond wave surf creek stream
beach: shore
forest: wood
tree: palm
mountain: cliff peak
hill: mountain slope
hat: cap beanie helmet
shirt: t-shirt tee
jacket: coat
coat: jacket
trousers: pants jeans
pants: jeans trousers
clothing: shirt dress jacket coat pants outfit
ball: football basketball baseball volleyball soccer-ball
football: soccer
soccer: football
food: pizza sandwich cake salad soup meal fruit vegetable burger noodle pasta dish
meal: dinner lunch breakfast
fruit: apple banana orange strawberry
television: tv
phone: cellphone telephone cell-phone smartphone
computer: laptop
bathroom: restroom
toilet: restroom
photo: picture photograph
building: house church skyscraper
house: home
run: jog race sprint
jump: leap hop
walk: stroll
climb: scale
look: stare watch
smile: grin
little: small young
small: little tiny
big: large huge
large: big huge
two: pair couple
blond: blonde
gray: grey
"""


def stem(word: str) -> str:
    """Of a lower-case word: the same for its plural and for what a verb ends on."""
    word = _IRREGULAR.get(word, word)
    for ending, instead in (("ies", "y"), ("sses", "ss"), ("shes", "sh"), ("ches", "ch"), ("xes", "x")):
        if word.endswith(ending) and len(word) > len(ending) + 1:
            return _short(word.removesuffix(ending) + instead)
    if word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > 3:
        return _short(word[:-1])
    for ending in ("ing", "ed"):
        rest = word.removesuffix(ending)
        if rest != word and len(rest) > 2 and any(char in "aeiouy" for char in rest):
            doubled = rest[-1] == rest[-2] and rest[-1] not in "lsz"
            return _short(rest[:-1] if doubled else rest)
    return _short(word)


def _short(word: str) -> str:
    """Without an e at its end: of "riding" nobody sees whether "ride" had one."""
    return word[:-1] if word.endswith("e") and len(word) > 3 else word


def _read() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for line in _KIN.replace("\n    ", " ").strip().splitlines():
        word, _, kin = line.partition(":")
        found[stem(word)] = tuple(dict.fromkeys((stem(word), *map(stem, kin.split()))))
    return found


_SAID_BY: Final = _read()


_DOERS: Final = frozenset(kin for word in ("person", "animal", "dog", "bird") for kin in _SAID_BY[stem(word)])


def is_one_who_does(word: str) -> bool:
    """Whether it names a person or an animal, which a verb behind it says something of."""
    return stem(word) in _DOERS


class Kin:
    """The words of captions by stem. `photographs`: how many there are; `photograph_of`: of each caption."""

    def __init__(self, captions: Sequence[Sequence[str]]) -> None:
        self.photographs = len(captions)
        self.photograph_of = [number for number, one in enumerate(captions) for _ in one]
        self._places: dict[str, dict[int, list[int]]] = defaultdict(dict)
        every = (caption for one in captions for caption in one)
        for number, caption in enumerate(every):
            for place, word in enumerate(_WORDS.findall(caption.lower())):
                self._places[stem(word)].setdefault(number, []).append(place)

    def having(self, stems: Sequence[str]) -> Iterator[int]:
        """The captions that have each of these stems, or words that say as much."""
        if not stems:
            return iter(())
        sets = [{number for kin in _kin(one) for number in self._places.get(kin, ())} for one in stems]
        return iter(sorted(set.intersection(*sets)))

    def places(self, caption: int, one: str) -> list[int]:
        """Where in the caption the stem, or its kin, stands."""
        return [place for kin in _kin(one) for place in self._places.get(kin, {}).get(caption, ())]


def _kin(one: str) -> tuple[str, ...]:
    return _SAID_BY.get(one, (one,))
