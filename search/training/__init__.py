"""Training the encoder of a store on pairs of one's own: what it is trained on, whether it helps, what is kept."""
