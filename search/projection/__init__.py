"""The map of a collection: its photographs as points on a plane, near each other where they are alike.

photo_map       what a map is
neighbours      who is near whom, by the store's own vector index
streamed        what is summed over all vectors, a batch at a time
layout          from neighbours to positions (t-SNE)
placing         photographs that came later, beside those that they are like
clusters        groups of points, coarse and fine
naming          words for the groups
everyday_words  the words
map_file        a map as it is kept beside the store, a cache
making          all of it, in its order
"""
