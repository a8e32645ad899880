"""A plan for collections that nobody has here: what was measured, laws fitted to it, machines and prices.

measured    the committed results of the benchmarks
laws        what grows how with a collection, fitted to the small sizes
prices      a table of assumptions (`prices.json`); a person's own in its place
layouts     which engine holds what, on how many machines, for how much
growth      a collection that grows day by day: builds, tails, and what bends first
waiting     queries that arrive by chance and wait for cores
simulate    the command
"""
