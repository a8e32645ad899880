"""The exit codes of every command."""

FOUND, NOTHING_FOUND, WRONG_USE, SOME_FAILED, BROKEN_STORE = 0, 1, 2, 3, 4
INTERNAL_ERROR = 70  # EX_SOFTWARE of BSD's sysexits: never one that means something of the collection
INTERRUPTED = 130  # as shells number an end by SIGINT

#: What each means; the help and the documentation say so.
MEANINGS = {
    FOUND: "found or done",
    NOTHING_FOUND: "nothing found",
    WRONG_USE: "wrong use or lost output",
    SOME_FAILED: "some files failed (new or changed ones)",
    BROKEN_STORE: "store broken or out of reach",
    INTERNAL_ERROR: "internal error",
    INTERRUPTED: "interrupted",
}
