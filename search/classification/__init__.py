"""Photographs sorted into a person's own classes, by two roads.

A *probe*: logistic regression on an encoder's vectors of examples (Radford et al. 2021, section 3.2).

    FOLDER/CLASS/*.jpg --examples--> digests --features--> vectors (store, cache, encoder) --train--> Probe --> a file

*Zero-shot*: the nearest class name, as text, with or without the encoder's templates.

    Probe or names --> a linear classifier --classify--> of files (features), or of all vectors that a store has

`features.py` owns the way from files to vectors, `linear_probe.py` the numbers that classify, `probe_file.py` the form
on disk, `report.py` what a classifier did on photographs whose classes are known. Only `fitting.py` needs scikit-learn;
a probe is applied with numpy.
"""
