"""Makes the part of the bundled reranker that says where in a photograph a word is."""
