"""Small pictures of photographs, kept beside a store.

drawing     from the content of a file: upright, sRGB, WebP, nothing but pixels
reading     a photograph's file, where it is what was indexed and lies in an indexed folder
cache       files by content and size, up to a number of bytes; the least recently used go
removal     those of photographs that are gone
making      all that a store lacks, at the end of a run
"""
