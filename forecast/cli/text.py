"""Every table that a command prints for people."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forecast.errors import listed, named, one_line, printable
from forecast.runs.clock import duration_in_words, end_in_words

if TYPE_CHECKING:
    from forecast.training.lr_rules import LrFound

PRINTED_METRICS = ("MAE", "RMSE", "sMAPE", "MASE", "RMSSE", "R2", "bias")
"""Of all that `--json` has, for a table of 100 columns."""

BACKTEST_METRICS = PRINTED_METRICS[:4]
LABEL_METRICS = ("accuracy", "balanced_accuracy", "macro_F1", "log_loss", "Brier")
"""Of labels; also `calibration_error`."""
MOST_TARGETS = 6
"""Targets whose errors are printed after training."""
MOST_COLUMNS, MOST_SERIES = 6, 5
"""Folds or steps, and worst series, that are printed after a backtest."""


def training_text(summary: Mapping[str, Any], folder: Path) -> str:
    """Scores, verdict and files of a training."""
    lines = []
    if summary.get("metrics"):
        lines = _test_rows(summary)
    lines += _coverage(summary)
    made = [folder / name for name in ("forecast.csv", "forecast.png", "learning_curve.png")]
    files = ", ".join(str(path) for path in made if path.exists())
    lines += [summary["verdict"], *summary["remarks"]]
    return "\n".join([*lines, f"forecast: {files}", f"run: {folder}"])


def _test_rows(summary: Mapping[str, Any]) -> list[str]:
    """Every method's scores, and those of the model by target."""
    if "classes" in summary:
        rows = _metric_rows("test", summary["metrics"], LABEL_METRICS, 18)
        return [*rows, *_by_target(summary, "accuracy")]
    rows = _metric_rows("test", summary["metrics"], PRINTED_METRICS, 11)
    return [*rows, *_by_target(summary, "MAE")]


def _by_target(summary: Mapping[str, Any], metric: str) -> list[str]:
    """One line for several targets, none for one."""
    best, values = summary["best_opponent"], summary[f"{metric.lower()}_by_target"]
    model, other = (values[method] for method in (summary["model"], best))
    if len(model) == 1:
        return []
    pairs = [f"{named(name)} {model[name]:.4g} ({other[name]:.4g})" for name in model]
    more = ", ..." if len(pairs) > MOST_TARGETS else ""
    listed = f"{', '.join(pairs[:MOST_TARGETS])}{more}"
    return [f"{f'{metric} by target':16}    {listed}; in brackets: {best}"]


def _coverage(summary: Mapping[str, Any]) -> list[str]:
    """One line on the intervals as `forecast predict` makes them; none without any."""
    kinds = summary.get("coverage", {})
    held = kinds.get("quantile") or kinds.get("rolling") or {}
    shares = [(level, f"{100 * share:.1f} %") for level, share in held.items()]
    if not shares:
        return []
    (level, share), *others = shares
    more = "".join(f", {name} %: {other}" for name, other in others)
    return [f"{level} % intervals cover {share} of the test values{more}"]


def lr_range_text(found: LrFound, folder: Path, written: str | None) -> str:
    """The rate of each rule, and what to do with it.

    Args:
        found, folder: the rates, and where their curve was written.
        written: the configuration that --write asks for.
    """
    seeds = f"({len(found.sweeps)} seed{'s' * (len(found.sweeps) > 1)})"
    lines = [f"{'rule':18}{'rate':>10}{'lowest':>10}{'highest':>10}   {seeds}"]
    for rule, rate in found.rates.items():
        each = [s.suggestions[rule] for s in found.sweeps if rule in s.suggestions]
        cells = [rate, min(each, default=None), max(each, default=None)] if rate else [None] * 3
        row = "".join(f"{'-' if cell is None else f'{cell:.3g}':>10}" for cell in cells)
        chosen = "   <- training.lr_range.rule" if rule == found.rule else ""
        lines.append(f"{rule:18}{row}{chosen}")
    lines.append(f"curve: {folder}/lr_range.png, {folder}/lr_range.csv")
    if found.rate is None:
        lines.append(f"{found.why_none}{f'; {written} is not written' if written else ''}.")
    elif written:
        lines.append(f"now run: forecast train {written}")
    else:
        lines.append(f"paste under `training`:\n  learning_rate: {found.rate:g}")
    return "\n".join(lines)


def study_text(facts: Mapping[str, Any]) -> str:
    """The best trial of a study, what it tried, and what to do with it."""
    best, start, metric = facts["best"], facts["start"], facts["metric"]
    line = f"best: validation {metric} {best['score']:.4g} in trial {best['trial']}"
    if start is not None and start["trial"] != best["trial"]:
        line += f" (the configuration as it is: {start['score']:.4g})"
    counts = ", ".join(f"{count} {state}" for state, count in facts["trials"].items())
    width = max(map(len, best["values"]))
    values = [f"  {key:{width}}  {_value(value)}" for key, value in best["values"].items()]
    lines = [line, *values, f"trials: {counts}", f"files: {', '.join(facts['files'])}"]
    return "\n".join([*lines, f"now run: forecast train {facts['config']}"])


def _value(value: Any) -> str:
    """A value as a configuration has it, on one line."""
    return f"{value:.4g}" if isinstance(value, float) else json.dumps(value).replace('"', "")


def profile_text(rows: Iterable[tuple[str, str, str, str]]) -> str:
    """Part, seconds, share and meaning: where the time of a training went."""
    return "\n".join(f"{name:16}{time:>11}{share:>11}   {what}" for name, time, share, what in rows)


def quick_text(facts: Mapping[str, Any]) -> str:
    """Scores, weights and verdict of a forecast without a training."""
    from forecast.partners.weights import weights_in_words  # NumPy is there by now

    lines = []
    if facts["scores"]:
        title = f"{facts['windows']} windows"
        lines = _metric_rows(title, facts["scores"], BACKTEST_METRICS, 10)
    if any(len(shares) > 1 for shares in facts["weights"].values()):
        lines.append(f"weights: {weights_in_words(facts['weights'])}")
    return "\n".join([*lines, facts["verdict"]])


def backtest_text(summary: Mapping[str, Any]) -> str:
    """The summary of a backtest: overall, by fold, by step, worst series, verdict."""
    is_label = "classes" in summary
    metric, names = ("accuracy", LABEL_METRICS) if is_label else ("MAE", BACKTEST_METRICS)
    lines = _metric_rows("backtest", summary["metrics"], names, 18 if is_label else 10)
    for what, keys in (("fold", summary["folds"]), ("step", range(1, summary["horizon"] + 1))):
        values = summary[f"{metric.lower()}_by_{what}"]
        lines += _by_key(f"{metric} by {what}", [*keys], values)
    worst = [f"{named(name)} {mase:.4g}" for name, mase in summary["worst_series"].items()][
        :MOST_SERIES
    ]
    lines += [f"{'worst series':16}    MASE {', '.join(worst)}"] if worst else []
    return "\n".join([*lines, summary["verdict"], *summary["remarks"]])


def _by_key(title: str, keys: list[int], values: Mapping[str, list[float]]) -> list[str]:
    """A row a method with a few evenly spaced columns; none where there is one key only."""
    if len(keys) == 1:
        return []
    number = min(MOST_COLUMNS, len(keys))
    chosen = [round(column * (len(keys) - 1) / (number - 1)) for column in range(number)]
    rows = {title: [f"{keys[place]}" for place in chosen]}
    rows |= {name: [f"{row[place]:.4g}" for place in chosen] for name, row in values.items()}
    return [_row(name, cells, 10) for name, cells in rows.items()]


def _metric_rows(
    title: str, metrics: Mapping[str, Mapping[str, float]], names: Sequence[str], width: int
) -> list[str]:
    """A header, and a row a method."""
    cells = {method: [f"{each[name]:.4g}" for name in names] for method, each in metrics.items()}
    return [_row(name, row, width) for name, row in [(title, names), *cells.items()]]


def _row(name: str, cells: Sequence[str], width: int) -> str:
    return f"{name:16}" + "".join(f"{cell:>{width}}" for cell in cells)


def report_text(verdict: str, left_out: Mapping[str, str], path: Path) -> str:
    """What is printed of a report.

    Args:
        verdict: of the run.
        left_out: title of a section that it leaves out: why.
        path: the file.
    """
    reasons = {title: why.removeprefix("Left out, for ") for title, why in left_out.items()}
    lines = [f"left out: {title}: {why}" for title, why in reasons.items()]
    return "\n".join([verdict, *lines, f"report: {path}"])


def check_text(result: Mapping[str, Any]) -> str:
    """What `forecast check` found, line by line."""
    problem = [f"problem     {result['problem']}"] if "problem" in result else []
    if "data" not in result:
        return problem[0]
    found = [f"{each['kind']:12}{one_line(each['message'])}" for each in result["findings"]]
    found = found or ["findings    none: no gaps, empty cells, constant columns or outliers"]
    return "\n".join([*_data_lines(result["data"]), *found, *(problem or _training_lines(result))])


def _data_lines(data: Mapping[str, Any]) -> list[str]:
    shortest, longest = data["shortest"], data["longest"]
    lengths = f"{shortest}" if shortest == longest else f"{shortest} to {longest}"
    series = f", {data['series']} series of {lengths} rows" if data["series"] > 1 else ""
    zone = f", {data['timezone']}" if data["timezone"] else ""
    return [
        f"data        {printable(data['source'])}: {data['rows']} rows{series}",
        f"time        {data['first']} to {data['last']}, frequency {data['frequency']}{zone}",
        f"columns     {listed(data['columns'])}",
    ]


def _training_lines(result: Mapping[str, Any]) -> list[str]:
    windows = ", ".join(f"{count} {name}" for name, count in result["windows"].items())
    search = " with the learning-rate range test" if result["range_test_steps"] else ""
    steps, minutes = result["steps_per_epoch"], result["max_minutes"]
    models = f" of {result['ensemble']} models" if result["ensemble"] > 1 else ""
    memory = f"about {result['memory_mb']:.0f} MB" if result["memory_mb"] >= 1 else "below 1 MB"
    again = ", and once more on all rows," if result["refit"] else ""
    twice = "twice " if again else ""
    limit = f"training {twice}for at most {minutes:g} min (max_minutes); " if minutes else ""
    return [
        f"windows     {windows}; season {result['season']} rows",
        *_advice(result),
        *_kept_line(result),
        f"parameters  {result['parameters']:,}",
        f"memory      {memory} beyond the libraries",
        f"time        {_duration(result['seconds'])} for {_counted(result['epochs'], 'epoch')}"
        f" ({_counted(steps, 'step')} each){models}{search}{again} on {result['device']}",
        f"            {limit}started now, it {end_in_words(result['seconds'])}, or sooner",
        "optional    all of it: findings, differences and sizes are advice, none must be followed",
    ]


def _advice(result: Mapping[str, Any]) -> list[str]:
    """Differences and sizes that suit the table."""
    if result["hidden_units"] is None:
        return ["network     the pretrained one: its size is fixed, and it needs no differences"]
    orders = [
        f"lag {each['lag']}" + (f" x {each['order']}" if each["order"] > 1 else "")
        for each in result["difference_orders"]
    ]
    return [
        f"differences {' and '.join(orders) or 'none'} suggested, by seasonal-strength and"
        " unit-root tests of the training rows",
        *_hidden_lines(result["hidden_units"]),
    ]


def _kept_line(result: Mapping[str, Any]) -> list[str]:
    """That nothing is trained for keeps, and what would change it."""
    rows = result["kept_below"]
    if rows is None:
        return []
    return [
        "weights     kept as they begin: validation is too short to judge trained ones by; they are"
        f" trained from split.validation: {rows} on"
    ]


def _counted(count: int, unit: str) -> str:
    return f"{count} {unit}{'' if count == 1 else 's'}"


def _hidden_lines(rules: Mapping[str, Any]) -> list[str]:
    sizes, (low, high), (least, most) = (
        rules[name] for name in ("configured", "between", "samples_bound")
    )
    configured = ", ".join(map(str, sizes)) if isinstance(sizes, list) else sizes
    return [
        f"hidden      {configured} configured; rules of thumb for windows with {rules['input']}"
        f" numbers in, {rules['output']} out:",
        f"            {f'{low} to {high}':14}between output and input",
        f"            {rules['two_thirds']:<14}2/3 input + output",
        f"            {rules['geometric_mean']:<14}sqrt(input * output)",
        f"            {f'{least:g} to {most:g}':14}at most, by samples / (a * (input + output))"
        " with a = 10 to 2",
    ]


def _duration(seconds: float) -> str:
    return f"about {duration_in_words(seconds)}" if seconds >= 1 else "below 1 s"
