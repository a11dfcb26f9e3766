"""Two futures side by side."""

import pytest
from pandas.testing import assert_frame_equal

from forecast.errors import ConfigError
from tests.forecasting.cases import built


def test_both_futures_are_forecast_as_each_alone():
    case, trained = built("panel")
    name = trained.config.data.future[0].name
    other = case.future.assign(**{name: case.future[name] * 2 + 1})
    table = trained.compare(case.future, other)
    assert_frame_equal(table[table.columns[:-2]], trained.forecast(future=case.future))
    assert (table["compared"] == trained.forecast(future=other)["forecast"]).all()
    assert (table["difference"] == table["compared"] - table["forecast"]).all()
    assert table["difference"].abs().max() > 0


def test_a_model_that_reads_no_future_has_nothing_to_compare():
    case, trained = built("air")
    with pytest.raises(ConfigError, match="reads no covariates of the future"):
        trained.compare(None, case.frame)
