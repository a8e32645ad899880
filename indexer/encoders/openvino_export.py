"""A torch model's towers become graphs that the CPU runs several times as fast: traced once, weights in int8.

Each dense weight is stored as int8 with a scale for each output, and its product quantises its inputs as they come
(`runtime.GROUP` numbers of a row together), so that no calibration is needed and a row depends on itself alone. A tower
of convolutions needs one (`static_int8.py`), from photographs, and so does every image tower on CPUs with AVX2 alone
(`products.py`); where there are too few photographs, it stays as it is. What this costs is measured on the spot,
against torch in float32, on photographs that took no part in it: a tower that falls below `LEAST_COSINE` has less in
int8, and at last nothing.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from indexer.encoders.convolutions import is_tower_of_convolutions, split_channel_multipliers
from indexer.encoders.folding import folded
from indexer.encoders.graph_flow import fed_nodes
from indexer.encoders.products import products_as_convolutions
from indexer.encoders.runtime import (
    Arithmetic,
    Graph,
    MemoryLackingError,
    has_int8_products,
    has_pairs_of_products,
    import_openvino,
    last_line,
)
from indexer.encoders.static_int8 import LARGEST, LARGEST_OF_PAIRS, Ranges, quantise_convolutions
from indexer.errors import EncoderError, EncoderUnavailableError
from indexer.types import Float32, Int8, Pixels

#: Mean cosine of a graph's vectors with those of the torch model.
LEAST_COSINE: Final = 0.99
#: Numbers of a table of embeddings that is worth storing in int8.
LARGE_TABLE: Final = 1_000_000
#: Inputs that it is measured on.
PROBES: Final = 8
#: Photographs without which no convolution is quantised; half of them calibrate, the others measure.
LEAST_PHOTOGRAPHS: Final = 16
#: Parts of a tower's convolutions that are tried in float instead, those that lose most by rounding first.
_KEPT: Final = (0.0, 0.15, 0.4)


@dataclass(frozen=True, slots=True)
class ExportedTower:
    """What a tower has become: the `arithmetic` to run it in; `waits`: with more photographs it would be faster."""

    arithmetic: Arithmetic
    waits: bool = False


class NotExportableError(EncoderError):
    """A model that cannot become a graph; the message is the reason."""


def export_tower(
    forward: Any,
    rows: npt.NDArray[Any],
    file: Path,
    *,
    name: str,
    outputs: Sequence[str],
    photographs: Pixels | None = None,
) -> ExportedTower:
    """Write the tower `forward` (a torch module on the CPU, in eval mode) to `file` (.xml, weights beside it).

    `rows` (PROBES, ...) are inputs to measure with; the first two are traced. `name` of the input, `outputs` of what it
    returns, of which the first are the vectors (n, d). `photographs` (n, h, w, 3), of an image tower: they take the
    place of `rows` when there are `LEAST_PHOTOGRAPHS`. Raises NotExportableError for a model that cannot be a graph,
    OSError where its files cannot be written.
    """
    import torch

    calibrating = None
    if photographs is not None and len(photographs) >= LEAST_PHOTOGRAPHS:
        calibrating, rows = photographs[::2], np.ascontiguousarray(photographs[1::2])
    with torch.inference_mode():
        wanted = _unit(_first(forward(torch.from_numpy(rows))).float().numpy())  # (n, d)
    tower = _converted(folded(forward), rows[:2], name, outputs)
    split_channel_multipliers(tower)
    waits = photographs is not None and calibrating is None and _is_calibrated(tower)
    for model, arithmetic in _ways(tower, calibrating):
        _save(model, file)
        del model
        try:
            found = _run(file, name, rows, outputs[0], arithmetic)
        except NotExportableError as error:
            refused = error
            continue
        cosine = float((_unit(found) * wanted).sum(axis=1).mean())
        if cosine >= LEAST_COSINE:
            return ExportedTower(arithmetic, waits)
        refused = NotExportableError(f"its graph gives other vectors than torch (mean cosine {cosine:.3f})")
    raise refused


def _ways(tower: Any, calibrating: Pixels | None) -> Iterator[tuple[Any, Arithmetic]]:
    """The graph in its forms, the fastest first, and the arithmetic of each."""
    if calibrating is not None and _is_calibrated(tower):
        if has_int8_products():
            for model in _quantised(tower, calibrating, LARGEST):
                _store_in_int8(model)
                yield model, "fast"
        else:
            model = tower.clone()
            products_as_convolutions(model)
            for quantised in _quantised(model, calibrating, LARGEST_OF_PAIRS):
                yield quantised, "narrow"
    model = tower.clone()
    _store_in_int8(model)
    yield model, "fast"
    yield tower, "fast"
    yield tower, "exact"


def _is_calibrated(tower: Any) -> bool:
    """Whether photographs make an image tower faster on this CPU."""
    return is_tower_of_convolutions(tower) if has_int8_products() else has_pairs_of_products()


def _quantised(tower: Any, calibrating: Pixels, largest: int) -> Iterator[Any]:
    """The graph with all its convolutions in int8, and with some in float."""
    try:
        ranges = Ranges.measured(tower, calibrating)
    except RuntimeError:  # the runtime does not take the graph in float32; the other forms say why
        return
    for part in _KEPT:
        model = tower.clone()
        quantise_convolutions(model, ranges, ranges.worst(part), largest)
        yield model


def _save(model: Any, file: Path) -> None:
    """Raises OSError where the files cannot be written; the runtime says so by a bare RuntimeError without a reason."""
    try:
        # The ends of a range in half precision would move the zero between its steps.
        rounds = any(node.get_type_name() == "FakeQuantize" for node in model.get_ops())
        import_openvino().save_model(model, file, compress_to_fp16=not rounds)
    except Exception as error:
        _try_to_write(file.parent)
        raise OSError(f"the runtime could not write {file.name}") from error


def _try_to_write(folder: Path) -> None:
    """Raises the OSError that stands behind another's complaint, if there is one: what is left of a full disk may be
    anything below a megabyte."""
    probe = folder / "probe"
    try:
        probe.write_bytes(bytes(1_000_000))
    finally:
        with suppress(OSError):
            probe.unlink()


def probe_pixels(height: int, width: int, seed: int = 0) -> Pixels:
    """(PROBES, h, w, 3) uint8: pictures with the spectrum of photographs, amplitude falling as 1 / frequency (Field
    1987), for want of photographs that are always there."""
    chance = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :])
    frequency[0, 0] = 1.0
    spectrum = np.exp(2j * np.pi * chance.random((PROBES, 3, *frequency.shape))) / frequency
    spectrum[..., 0, 0] = 0.0
    pictures = np.fft.irfft2(spectrum, s=(height, width))  # (n, 3, h, w)
    pictures = pictures * 0.6 + pictures[:, :1] * 0.4  # colours go together
    pictures = pictures / pictures.std(axis=(1, 2, 3), keepdims=True) * 55 + 118
    return np.ascontiguousarray(np.clip(pictures.transpose(0, 2, 3, 1), 0, 255).astype(np.uint8))


def _converted(forward: Any, example: npt.NDArray[Any], name: str, outputs: Sequence[str]) -> Any:
    openvino = import_openvino()
    import torch

    former = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # its fused operator is none that a graph knows
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    try:
        from openvino.tools.ovc import convert_model

        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of constants in the trace: they are constants of the model
            model = convert_model(forward, example_input=torch.from_numpy(example))
        model.reshape({0: [-1, *example.shape[1:]]})
    except Exception as error:  # tracing and conversion raise anything
        if isinstance(error, OSError | MemoryError):
            raise  # nothing is wrong with the model
        lines = str(error).strip().splitlines()
        raise NotExportableError(f"it does not convert ({lines[0] if lines else type(error).__name__})") from error
    finally:
        torch.backends.mha.set_fastpath_enabled(former)
    assert openvino is not None
    if len(model.outputs) != len(outputs):
        raise NotExportableError(f"its graph has {len(model.outputs)} outputs")
    model.inputs[0].set_names({name})
    for output, called in zip(model.outputs, outputs, strict=True):
        output.set_names({called})
    return model


def _store_in_int8(model: Any) -> None:
    """Give every product with constant weights (out, in), and every table that rows are taken from, int8 numbers and a
    scale for each output or row."""
    from openvino import opset13 as op

    fed = fed_nodes(model)
    for node in model.get_ordered_ops():
        if node.get_type_name() == "MatMul":
            weight = _constant(node, 1)
            if weight is None or node.get_friendly_name() not in fed:
                continue
            settings = node.get_attributes()
            stored, scale = _int8_rows(weight if settings["transpose_b"] else weight.T)
            expanded = op.multiply(op.convert(op.constant(stored), "f32"), op.constant(scale))
            made = op.matmul(node.input_value(0), expanded, settings["transpose_a"], True)
        elif node.get_type_name() == "Gather":
            table = _constant(node, 0)
            if table is None or table.size < LARGE_TABLE:
                continue
            stored, scale = _int8_rows(table)
            # Just the rows that are taken are expanded.
            rows = op.convert(op.gather(op.constant(stored), node.input_value(1), node.input_value(2)), "f32")
            made = op.multiply(rows, op.gather(op.constant(scale), node.input_value(1), node.input_value(2)))
        else:
            continue
        made.set_friendly_name(node.get_friendly_name())
        node.output(0).replace(made.output(0))


def _constant(node: Any, place: int) -> Float32 | None:
    """The constant matrix that a node has as an input, float32; None when that is none."""
    source = node.input_value(place).get_node()
    if source.get_type_name() == "Convert":  # stored in half precision
        source = source.input_value(0).get_node()
    if source.get_type_name() != "Constant" or len(source.get_output_shape(0)) != 2:
        return None
    values: npt.NDArray[Any] = source.data
    return np.array(values, np.float32) if values.dtype.kind == "f" else None


def _int8_rows(matrix: Float32) -> tuple[Int8, Float32]:
    """(m, n) float32 -> (m, n) int8 and scales (m, 1): symmetric, the largest of a row is 127."""
    scale: Float32 = (np.maximum(np.abs(matrix).max(axis=1, keepdims=True), 1e-12) / 127).astype(np.float32)
    return np.clip(np.rint(matrix / scale), -127, 127).astype(np.int8), scale


def _run(file: Path, name: str, rows: npt.NDArray[Any], output: str, arithmetic: Arithmetic) -> Float32:
    shapes: Mapping[str, Sequence[int]] = {name: (1, *rows.shape[1:])}
    try:
        graph = Graph(file, arithmetic=arithmetic, shapes=shapes)
        return np.concatenate([graph.run({name: row[None]}, [output])[output] for row in rows]).astype(np.float32)
    except MemoryLackingError:
        raise
    except (EncoderError, EncoderUnavailableError) as error:
        raise NotExportableError(f"its graph does not run ({last_line(error.__cause__ or error)})") from error


def _first(outputs: Any) -> Any:
    return outputs[0] if isinstance(outputs, tuple) else outputs


def _unit(vectors: Float32) -> Float32:
    unit: Float32 = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return unit
