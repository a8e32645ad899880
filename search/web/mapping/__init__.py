"""The map of the collection, made in a process of its own while the server answers.

child     the process: `Library.map`
maker     one run at a time, and the map that is kept
points    a map as bytes
"""
