"""Twenty lines of the query language, each with what it asks. The documentation, the page and the API show these."""

from __future__ import annotations

from typing import Final

EXAMPLES: Final[tuple[tuple[str, str], ...]] = (
    ("a cat", "what looks like a cat, best first"),
    ("a cat in:2021", "the same, of 2021 alone"),
    ("in:2021 near:Paris sort:date", "no words: all of 2021 near Paris (20 km), the oldest first"),
    ("2019-06..2019-09", "June to September 2019, both whole; the newest first"),
    ('rocket near:"Cape Canaveral",50', "quotation marks keep a place of two words together; 50 km"),
    ("trips/paris/cat.jpg", "what looks like this photograph"),
    ("garden/flower.jpg + red", "this photograph, and red besides"),
    ("animal -cat", "an animal, and what looks like a cat pushed down"),
    ('2*"a motorcycle" + garage', "both, the motorcycle twice as much"),
    ("camera:pixel", "taken with a camera whose name holds this"),
    ("camera:canon lens:50mm", "and with such a lens; all filters have to hold"),
    ("month:june weekday:weekend", "of any year: weekends in June"),
    ("time:21..4", "at night, round midnight"),
    ("country:PT", "taken in Portugal, by its letters or its name"),
    ("path:trips type:jpeg sort:name", "JPEGs in a folder of this name, by their names"),
    ("invoice text:ACME (type:png | path:**/old/**)", '"ACME" in captions or keywords, and one of two filters'),
    ("keyword:launch", "with this keyword"),
    ("date:taken -has:gps", "whose date the camera wrote, without a position"),
    ("orientation:portrait megapixels:..1", "higher than wide, of up to one megapixel"),
    ("a flower min:50% sort:-date", "what is probably a flower, the newest first"),
)
