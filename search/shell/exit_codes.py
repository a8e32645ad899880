"""The exit codes of every command."""

FOUND, NOTHING_FOUND, WRONG_USE, SOME_FAILED, BROKEN_STORE, INTERRUPTED = 0, 1, 2, 3, 4, 130

#: What each means; the help and the documentation say so.
MEANINGS = {
    FOUND: "found or done",
    NOTHING_FOUND: "nothing found",
    WRONG_USE: "wrong use",
    SOME_FAILED: "some files failed",
    BROKEN_STORE: "broken store",
    INTERRUPTED: "interrupted",
}
