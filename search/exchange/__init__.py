"""A store's vectors in files of other programs: Parquet, numpy, the folders of clip-retrieval."""
