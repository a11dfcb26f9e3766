"""`forecast predict`: of a table or of a folder of files, each with imports of its own."""

from __future__ import annotations

from forecast.batch.starting import begin_early
from forecast.cli.options import PredictOptions
from forecast.cli.output import refuse_beside_samples
from forecast.errors import ConfigError
from forecast.tables.parts import is_folder


def predict(options: PredictOptions) -> int:
    """Print or write what a trained model forecasts."""
    _refuse_mixed(options)
    if options.data is not None and is_folder(options.data):
        if (options.workers or 1) > 1 and options.ray is None:
            begin_early()
        from forecast.cli.predict_files import predict_files

        return predict_files(options)
    for name in ("workers", "ray", "format"):
        if getattr(options, name) is not None:
            raise ConfigError(f"--{name} is for a folder of files; give one with --data")
    from forecast.cli.predict_table import predict_table

    return predict_table(options)


def _refuse_mixed(options: PredictOptions) -> None:
    """Raise a ConfigError for options that do not go together."""
    is_of_files = options.data is not None and is_folder(options.data)
    if options.plot is not None:
        for name, is_given in (
            ("--compare", options.compare is not None),
            ("a folder of --data", is_of_files),
        ):
            if is_given:
                raise ConfigError(f"--plot draws one forecast and its intervals, without {name}")
    refuse_beside_samples(options)
    if options.samples is not None and options.compare is not None:
        raise ConfigError("--compare forecasts without samples; leave --samples out")
