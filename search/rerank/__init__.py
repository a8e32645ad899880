"""The second stage: candidates of the first one, compared word by word with the regions of each image."""
