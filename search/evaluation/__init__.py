"""`search eval`: an index measured on the user's own pairs of images and texts."""
