"""Files shared out by Ray, on a cluster of this machine."""

import sys
from contextlib import ExitStack
from types import SimpleNamespace

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from forecast.batch.run import forecast_files
from forecast.errors import ConfigError, DeviceError
from forecast.runs.drain import result_of
from tests.helpers import refusal
from tests.runs.clusters import NOBODY, listening, whereabouts


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
    assert said == "--ray nonsense: no cluster answers (nothing at nonsense); check the address"
    assert not (place.folder / "out").exists()


class RayError(Exception):
    """As ray raises it for a task whose actor is gone for good."""


class RayTaskError(RayError):
    """As ray raises it for a task that failed."""

    def __init__(self, cause):
        super().__init__("words of ray")
        self.cause = cause


def cluster(error, raylet=NOBODY, submit=lambda *_: None):
    """A ray whose tasks all end with an error, and which tells of it on stdout."""

    def get_next_unordered(timeout):
        print("(raylet) A worker died")
        raise error

    made = SimpleNamespace(remote=lambda job: job)
    return {
        "ray": SimpleNamespace(
            init=lambda *_, **__: None,
            shutdown=lambda: None,
            cluster_resources=lambda: {"CPU": 2.0},
            remote=lambda **_: lambda kind: made,
            exceptions=SimpleNamespace(RayError=RayError, RayTaskError=RayTaskError),
            **whereabouts(raylet),
        ),
        "ray.util": SimpleNamespace(
            ActorPool=lambda _: SimpleNamespace(
                submit=submit,
                has_next=lambda: True,
                get_next_unordered=get_next_unordered,
            )
        ),
    }


@pytest.mark.parametrize(
    ("raised", "error", "says"),
    [
        (RayError("long"), DeviceError, "workers of the cluster were lost again and again"),
        (RayTaskError(ConfigError("out is a link")), ConfigError, "out is a link"),
    ],
)
def test_what_ends_a_worker_is_one_line(place, monkeypatch, capsys, raised, error, says):
    for name, module in cluster(raised).items():
        monkeypatch.setitem(sys.modules, name, module)
    steps = forecast_files(place.job(), place.trained, ray="local")
    assert refusal(result_of, steps, error=error).startswith(says)
    assert capsys.readouterr().out == ""  # where results go


def test_a_cluster_that_is_lost_while_all_wait_is_one_line(place, monkeypatch):
    raylet = ExitStack()
    where = raylet.enter_context(listening())
    fake = cluster(TimeoutError(), where, submit=lambda *_: raylet.close())
    for name, module in fake.items():
        monkeypatch.setitem(sys.modules, name, module)
    steps = forecast_files(place.job(), place.trained, ray="local")
    assert refusal(result_of, steps, error=DeviceError).startswith("the cluster is lost")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_cluster_forecasts_the_same(place):
    pytest.importorskip("ray", reason="pip install 'forecast-lstm[ray]'")
    result_of(forecast_files(place.job(), place.trained, workers=1, ray="local"))
    found = pd.read_parquet(place.folder / "out" / "part-1.parquet")
    assert_frame_equal(found, place.trained.forecast(place.frame[80:160]))
