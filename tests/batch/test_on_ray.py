"""Files shared out by Ray, on a cluster of this machine."""

import sys

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from forecast.batch.run import forecast_files
from forecast.errors import ConfigError
from forecast.runs.drain import result_of
from tests.helpers import refusal


def test_ray_that_is_not_installed_is_one_line(place, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    steps = forecast_files(place.job(), place.trained, ray="local")
    assert refusal(result_of, steps, error=ConfigError) == (
        "--ray needs ray: pip install 'forecast-lstm[ray]'"
    )


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_cluster_forecasts_the_same(place):
    pytest.importorskip("ray", reason="pip install 'forecast-lstm[ray]'")
    result_of(forecast_files(place.job(), place.trained, workers=1, ray="local"))
    found = pd.read_parquet(place.folder / "out" / "part-1.parquet")
    assert_frame_equal(found, place.trained.forecast(place.frame[80:160]))
