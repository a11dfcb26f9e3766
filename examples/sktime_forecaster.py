"""`forecast` behind sktime's forecaster interface (`pip install sktime`): copy the class."""

import pandas as pd
from sktime.forecasting.base import BaseForecaster

import forecast


class Forecaster(BaseForecaster):
    """Forecasts one series; its steps are counted, so that every index of sktime will do.

    Args:
        sp: rows in a season; 1: none.
        config: sections as in a YAML file, without `data` and the horizon, for `forecast.train`;
            None: `forecast.quick`, which needs no training.
        folds: origins at which `quick` judges its methods; None: by the length of the series.

    Example:
        >>> from sktime.datasets import load_airline
        >>> from sktime_forecaster import Forecaster
        >>> forecaster = Forecaster(sp=12).fit(load_airline(), fh=range(1, 13))
        >>> forecaster.predict_interval(coverage=[0.8, 0.95]).shape
        (12, 4)
    """

    _tags = {  # noqa: RUF012 - as sktime has it
        "y_inner_mtype": "pd.Series",
        "capability:exogenous": False,
        "capability:insample": False,
        "capability:pred_int": True,
        "capability:pred_int:insample": False,
        "requires-fh-in-fit": True,
    }

    def __init__(self, sp=1, config=None, folds=None):
        self.sp = sp
        self.config = config
        self.folds = folds
        super().__init__()

    def _fit(self, y, X, fh):  # noqa: ARG002 - sktime's signature
        self._values = y.to_numpy(dtype=float, copy=True)
        self._name = y.name
        if self.config is not None:
            steps = int(fh.to_relative(self.cutoff).max())
            window = {**self.config.get("window", {}), "horizon": steps}
            data = {"season": self.sp}
            sections = {**self.config, "window": window, "data": data}
            self._model = forecast.train(sections, self._values)
        return self

    def _predict(self, fh, X):  # noqa: ARG002
        table = self._table(fh, [])
        values = table["forecast"].to_numpy()
        return pd.Series(values, index=self._index(fh), name=self._name)

    def _predict_interval(self, fh, X, coverage):  # noqa: ARG002
        levels = {each: min(100 * each, 99.9) for each in coverage}
        table = self._table(fh, [level for level in levels.values() if level >= 1])
        name = 0 if self._name is None else self._name
        columns = {}
        for each, level in levels.items():
            for side, end in (("lower", "lo"), ("upper", "hi")):
                column = f"{end}-{level:.6g}" if level >= 1 else "forecast"
                columns[name, each, side] = table[column].to_numpy()
        return pd.DataFrame(columns, index=self._index(fh))

    def _index(self, fh):
        return fh.to_absolute_index(self.cutoff)

    def _table(self, fh, level):
        """The rows of the wanted steps."""
        steps = fh.to_relative(self.cutoff).to_numpy().astype(int)
        if self.config is None:
            options = {"season": self.sp, "level": level, "folds": self.folds}
            found = forecast.quick(self._values, horizon=int(steps.max()), **options).forecast
        else:
            found = self._model.forecast(horizon=int(steps.max()), level=level)
        return found.iloc[steps - 1]

    @classmethod
    def get_test_params(cls, parameter_set="default"):  # noqa: ARG003
        """Two of sktime's test instances."""
        small = {
            "split": {"validation": 0.6, "test": 0},
            "window": {"lookback": 3},
            "model": {"hidden_size": 2},
            "training": {"epochs": 1},
        }
        return [{"folds": 1}, {"config": small}]
