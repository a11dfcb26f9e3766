"""`forecast export`: a trained model as one ONNX file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from forecast.cli.options import ExportOptions
from forecast.cli.output import print_result, require_folder
from forecast.errors import ConfigError
from forecast.export.onnx import (
    TOLERANCE_OF_8_BITS,
    content_of,
    exported,
    require_packages,
    require_parity,
    serialised,
)
from forecast.export.quantize import (
    in_8_bits,
    require_cheap,
    validation_data,
    validation_errors,
)
from forecast.forecasting.model_file import load, model_path
from forecast.forecasting.trained import TrainedModel
from forecast.runs.files import write_atomically, write_within
from forecast.runs.folder import ONNX_FILE, RUN_FILES
from forecast.runs.foreign import refuse_foreign, refuse_input
from forecast.runs.log import stderr_log

ANOTHER = "give another --output"


def export(options: ExportOptions) -> int:
    """Write a trained model as an ONNX file that takes and gives values in the user's units."""
    require_packages()
    path = _place(options)
    with stderr_log(options.quiet):
        trained = load(options.run)
        trained = trained.without_partners() if options.without_partners else trained
        refuse_input(path, trained.config.data.path, "the training table", ANOTHER)
        model = exported(trained)
        small = in_8_bits(model) if options.int8 else None
        content = content_of(model, trained)
        result: dict[str, Any] = {"output": str(path), "bytes": len(content)}
        if small is not None:
            in_bits = serialised(small)
            off = require_parity(in_bits, trained, TOLERANCE_OF_8_BITS)
            result |= {"bytes": len(in_bits), "int8_difference": off}
            result |= _cost(trained, content, in_bits)
            content = in_bits
    if options.output is None:
        write_within(path, content)
    else:
        write_atomically(path, content, is_new=not options.force)
    print_result(options.json, result, _text(result))
    return 0


def _place(options: ExportOptions) -> Path:
    """Where the file goes; only --force replaces one, and never another file of the run."""
    model = model_path(options.run)
    path = model.parent / ONNX_FILE if options.output is None else Path(options.output)
    if options.output is None:
        refuse_foreign(path.parent, [ONNX_FILE])
    else:
        require_folder("--output", options.output)
    for name in RUN_FILES:
        if name != ONNX_FILE:
            refuse_input(path, model.parent / name, "a file of the run", ANOTHER)
    refuse_input(path, model, "the model", ANOTHER)
    if os.path.lexists(path) and not options.force:
        raise ConfigError(f"{path} exists; give another --output, or --force")
    return path


def _cost(trained: TrainedModel, content: bytes, small: bytes) -> dict[str, Any]:
    """What 8 bits cost on the validation part, or why that is not known.

    Raises:
        ConfigError: if they cost too much.
    """
    prepared = validation_data(trained)
    if isinstance(prepared, str):
        return {"float_bytes": len(content), "unknown": prepared}
    errors = validation_errors(trained, prepared, {"float32": content, "int8": small})
    require_cheap(errors["float32"], errors["int8"])
    name = "validation_log_loss" if trained.pipeline.labels else "validation_mae"
    return {"float_bytes": len(content), name: errors}


def _text(result: dict[str, Any]) -> str:
    lines = [f"{result['bytes']:,} bytes in {result['output']}"]
    if "float_bytes" in result:
        lines.append(f"{result['float_bytes']:,} bytes without --int8")
        share = f"{100 * result['int8_difference']:.2g} %"
        lines.append(f"at the end of the table forecasts differ by {share} of their size at most")
    if "unknown" in result:
        lines.append(f"what 8 bits cost is not known: {result['unknown']}")
    for key, name in (("validation_mae", "MAE"), ("validation_log_loss", "log loss")):
        errors = result.get(key, {"float32": {}})
        for target, before in errors["float32"].items():
            after = errors["int8"][target]
            change = f", {100 * (after / before - 1):+.2f} %" if before else ""
            told = f"{before:.6g}, with --int8 {after:.6g}{change}"
            lines.append(f"validation {name} of {target}: {told}")
    return "\n".join(lines)
