"""The adapter to sktime keeps to its interface; skipped where sktime is not installed."""

import importlib
import sys
from pathlib import Path

import pytest

pytest.importorskip("sktime")
ADAPTER = Path(__file__).parents[2] / "examples/sktime_forecaster.py"


@pytest.fixture(scope="module")
def adapter():
    sys.path.insert(0, str(ADAPTER.parent))
    yield importlib.import_module("sktime_forecaster").Forecaster
    sys.path.remove(str(ADAPTER.parent))


@pytest.mark.filterwarnings("ignore")  # sktime's own
def test_one_series_with_its_index_and_name(adapter):
    from sktime.datasets import load_airline

    y = load_airline()
    forecaster = adapter(sp=12).fit(y, fh=[1, 12])
    found, ends = forecaster.predict(), forecaster.predict_interval(coverage=0.8)
    assert [str(each) for each in found.index] == ["1961-01", "1961-12"]
    assert found.name == y.name
    low, high = ends.to_numpy().T
    assert (low < found).all()
    assert (found < high).all()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.timeout(1800)
def test_sktime_finds_nothing_wrong(adapter):
    from sktime.utils.estimator_checks import check_estimator

    found = check_estimator(adapter, raise_exceptions=False, verbose=False)
    assert len(found) > 500
    assert {name: result for name, result in found.items() if result != "PASSED"} == {}
