"""Files shared out by Ray, on a cluster of this machine."""

import sys
from types import SimpleNamespace

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


def test_an_address_of_no_cluster_writes_nothing(place, monkeypatch):
    def init(address, **_):
        raise ConnectionError(f"nothing at {address}")

    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(init=init))
    steps = forecast_files(place.job(), place.trained, ray="nonsense")
    said = refusal(result_of, steps, error=ConfigError)
    assert said == "--ray nonsense: nothing at nonsense; check the address"
    assert not (place.folder / "out").exists()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_cluster_forecasts_the_same(place):
    pytest.importorskip("ray", reason="pip install 'forecast-lstm[ray]'")
    result_of(forecast_files(place.job(), place.trained, workers=1, ray="local"))
    found = pd.read_parquet(place.folder / "out" / "part-1.parquet")
    assert_frame_equal(found, place.trained.forecast(place.frame[80:160]))
