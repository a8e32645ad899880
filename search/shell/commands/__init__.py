"""A command a file: its options as rows of a class, and `run`, which works through the library and prints.

All of them are imported for `search --help`, so that what a command works with is imported inside `run`.
"""
