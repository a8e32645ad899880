"""The image graph's convolutions in int8, the rest in float32: from ONNX as exported to the files that ship.

Post-training quantisation by NNCF: ranges of activations from calibration photographs, weights a scale for each output
channel, biases corrected. The first convolution and the last ones of both stages stay in float32, and so does all that
follows them: logits, heads and norms are a few per cent of the work, and errors there turn whole vectors. Weights keep
to half of int8's range (`OverflowFix.DISABLE`): CPUs without VNNI add pairs of products in 16 bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from indexer.encoders.base import Preprocessing
from indexer.types import Pixels
from tools.bundled.datasets import load_pixels, read_captions

#: Photographs that the ranges are taken from: more did not change them.
CALIBRATION_PHOTOGRAPHS = 250
CALIBRATION_THINGS = 100


def calibration_pixels(data: Path, preprocessing: Preprocessing) -> list[Pixels]:
    """Photographs spread over Flickr8k's and Caltech-101's `train`, each (1, h, w, 3) uint8."""
    chosen: list[Path] = []
    for name, count in (("flickr8k", CALIBRATION_PHOTOGRAPHS), ("caltech101", CALIBRATION_THINGS)):
        images = [row.path for row in read_captions(data / name, "train")]
        chosen += [images[position] for position in np.linspace(0, len(images) - 1, count).astype(int)]
    return [load_pixels(path, preprocessing)[None] for path in chosen]


def quantise_image_graph(source: Path, pixels: Sequence[Pixels], out: Path) -> None:
    """Write the graph in `source` (ONNX, input "pixels") to `out` (.xml, weights beside it)."""
    import nncf
    import openvino
    from nncf.quantization.advanced_parameters import AdvancedQuantizationParameters, OverflowFix

    model = openvino.Core().read_model(source)
    model.reshape({"pixels": list(pixels[0].shape)})
    kept = nncf.IgnoredScope(names=_kept_in_float(model), validate=False)
    quantised = nncf.quantize(
        model,
        nncf.Dataset(list(pixels)),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(pixels),
        ignored_scope=kept,
        advanced_parameters=AdvancedQuantizationParameters(overflow_fix=OverflowFix.DISABLE),
    )
    quantised.reshape({"pixels": [-1, *pixels[0].shape[1:]]})
    write_graph(quantised, out)


def convert_graph(source: Path, out: Path) -> None:
    """Write the graph in `source` (ONNX) to `out` (.xml, weights beside it) as it is."""
    import openvino

    write_graph(openvino.Core().read_model(source), out)


def write_graph(model: Any, out: Path) -> None:
    """Write `out` (.xml) and its weights, without traces of the machine that made them."""
    import openvino

    for part in ("nncf", "conversion_parameters", "Runtime_version"):
        if model.has_rt_info([part]):
            del model.rt_info[part]
    openvino.save_model(model, out, compress_to_fp16=False)


def _kept_in_float(model: Any) -> list[str]:
    """Names of the nodes that stay as they are: the convolutions at both ends, and all that no convolution needs."""
    nodes = model.get_ordered_ops()
    convolutions = [node for node in nodes if node.get_type_name() in ("Convolution", "GroupConvolution")]
    before: set[str] = set()
    open_ends = list(convolutions)
    while open_ends:
        node = open_ends.pop()
        if node.get_friendly_name() not in before:
            before.add(node.get_friendly_name())
            open_ends += [node.input_value(place).get_node() for place in range(node.get_input_size())]
    widest = max(node.get_output_partial_shape(0)[1].get_length() for node in convolutions)
    ends = [convolutions[0]]
    ends += [node for node in convolutions if node.get_output_partial_shape(0)[1].get_length() == widest]
    behind = [
        node.get_friendly_name()
        for node in nodes
        if node.get_friendly_name() not in before and node.get_type_name() not in ("Constant", "Result", "Parameter")
    ]
    return [*behind, *(node.get_friendly_name() for node in ends)]
