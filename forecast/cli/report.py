"""`forecast report`: the page of a finished run."""

from __future__ import annotations

from forecast.cli.options import ReportOptions
from forecast.cli.output import print_result, require_folder
from forecast.cli.text import report_text
from forecast.reporting.gather import report_path, write_report
from forecast.reporting.steps import bar
from forecast.runs.log import stderr_log


def report(options: ReportOptions) -> int:
    """Write the report of a finished run."""
    if options.output:
        require_folder("--output", options.output)
    with stderr_log(options.quiet), bar("the run", options.quiet) as show:
        page = write_report(options.run, options.output, options.force, show)
    path = report_path(options.run, options.output)
    left_out = {part.title: part.text for part in page.sections if part.is_left_out}
    result = {"report": str(path), "bytes": path.stat().st_size, "left_out": left_out}
    print_result(options.json, result, report_text(page.verdict, left_out, path))
    return 0
