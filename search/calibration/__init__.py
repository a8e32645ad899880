"""How probable it is that a hit is what was asked for, and how far such probabilities can be trusted."""
