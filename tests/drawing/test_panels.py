"""What pictures show: which series, which rows, under which names."""

import numpy as np
import pytest

from forecast.data.panel import Panel, offsets_of
from forecast.drawing.panels import MOST_PANELS, Shown, evenly, panels_of, rows_drawn, title_of
from forecast.times.axis import TimeAxis


def panel_of(series=1, targets=1, rows=5, has_ids=True):
    values = np.arange(series * rows * targets, dtype=float).reshape(series * rows, targets)
    return Panel(
        values=values,
        offsets=offsets_of(np.full(series, rows)),
        ids=tuple(f"s{number}" for number in range(series)),
        starts=np.arange(series),
        axis=TimeAxis(0, 1, None),
        columns=tuple(f"y{number}" for number in range(targets)),
        num_targets=targets,
        static=np.empty((series, 0)),
        has_ids=has_ids,
    )


@pytest.mark.parametrize(
    ("series", "targets", "drawn"), [(1, 1, 1), (1, 9, 6), (3, 1, 3), (3, 4, 6), (6, 4, 6)]
)
def test_each_series_has_as_many_targets_as_there_is_room_for(series, targets, drawn):
    panels = panels_of(Shown(panel_of(series, targets)), {})
    assert len(panels) == drawn <= MOST_PANELS
    assert {each["name"].split(",")[0] for each in panels} == {f"s{n}" for n in range(series)}
    assert title_of((0.5,), panel_of(series, targets), drawn) == (
        "Forecast" + f" ({series * targets - drawn} more not shown)" * (series * targets > drawn)
    )


def test_a_forecast_of_rows_that_are_there_and_one_of_those_to_come():
    shown = Shown(panel_of(), {"s0": {4: np.full((2, 1, 1), 7.0), 2: np.full((2, 1, 1), 8.0)}})
    ahead = {"s0": np.arange(6.0).reshape(2, 1, 3)}
    (panel,) = panels_of(shown, ahead)
    first, second = panel["forecasts"]["test forecast"]
    assert ([*first[0]], [*first[1]], first[2]) == ([1, 2], [7.0, 7.0], None)
    assert ([*second[0]], [*second[1]]) == ([3, 4], [8.0, 8.0])
    ((times, middle, lower, upper),) = panel["forecasts"]["next steps"]
    assert [*times] == [4, 5, 6]
    assert ([*middle], [*lower], [*upper]) == ([4.0, 1, 4], [4.0, 0, 3], [4.0, 2, 5])
    assert title_of((0.1, 0.5, 0.9), panel_of(), 1) == "Forecast, 80 % interval shaded"


def test_long_names_are_cut_so_that_the_note_can_be_read():
    panel = panel_of()
    long = Panel(**{**vars(panel), "ids": ("x" * 50,)})
    (found,) = panels_of(Shown(long, notes={"x" * 50: "worst of 9: MASE 1"}), {})
    assert found["name"] == f"{'x' * 19}…, y0 (worst of 9: MASE 1)"
    (alone,) = panels_of(Shown(panel_of(has_ids=False)), {})
    assert alone["name"] == "y0"


def test_rows_hold_two_seasons_and_the_windows():
    assert rows_drawn(12, 12) == 36
    assert rows_drawn(12, 12, windows=3) == 72
    assert rows_drawn(1, 24) == 48
    assert rows_drawn(1, 1) == 30


@pytest.mark.parametrize(("count", "most"), [(1, 6), (5, 6), (6, 6), (100, 6), (7, 3)])
def test_series_are_evenly_chosen_from_the_first_to_the_last(count, most):
    chosen = evenly(count, most)
    assert len(chosen) == min(count, most)
    assert (chosen[0], chosen[-1]) == (0, count - 1)
