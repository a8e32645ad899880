"""Numbers and nouns: "1 file", "2,000 files". Imports nothing."""


def counted(count: int, noun: str) -> str:
    """How many of something there are; `noun`: one of them, which takes an "s"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
