"""The words by which people say that something is not to be there. Imports nothing: every query from the shell pays for
it."""

#: What stands behind one of them is not wanted, in any letters.
NEGATING = ("no", "not", "without", "w/o", "sans", "except", "excluding")
#: One word for "no people".
NOBODY = ("nobody", "noone")
