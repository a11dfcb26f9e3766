"""Model files that are well signed and hostile: each number is refused before it does harm."""

import numpy as np
import pytest
import torch

from forecast.errors import DataError
from forecast.forecasting.model_file import load
from forecast.runs.checkpoint import load_checkpoint, save_checkpoint
from forecast.runs.folder import MODEL_FILE
from tests.forecasting.cases import built
from tests.helpers import refusal

HUGE = 100_000_000


def filled(name, value):
    return lambda _, tensors: tensors[name].fill_(value)


def option(section, name, value):
    return lambda content, _: content["config"][section].update({name: value})


CALIBRATION = {"levels": [50.0, 80.0], "count": 100}


def calibrated(**changes):
    """A calibration of two levels, one step and target; one of its parts is hostile."""

    def change(content, tensors):
        horizon = content["config"]["window"]["horizon"]
        radii, sizes = torch.ones(2, horizon, 1), torch.ones(1, 1, dtype=torch.float64)
        radii[:, 0, 0] = torch.tensor(changes.get("radii", [1.0, 2.0]))
        sizes[:] = changes.get("size", 1.0)
        content["calibration"] = {**CALIBRATION, **changes.get("content", {})}
        tensors.update({"calibration.radii": radii, "calibration.sizes": sizes})

    return change


def shuffled(ranks, trajectories=3):
    """A copula of three trajectories, one of whose ranks is hostile."""

    def change(content, tensors):
        horizon, found = content["config"]["window"]["horizon"], np.array(ranks, np.uint16)
        content["trajectories"] = trajectories
        tensors["copula.ranks"] = torch.from_numpy(
            np.tile(found[:, None, None, None], (horizon, 1))
        )

    return change


def cut_in_two(content, tensors):
    """Two series of which the forecasts could not be told apart."""
    content["ids"] = ["a", "b"]
    tensors["tail.offsets"] = torch.tensor([0, 1, len(tensors["tail.values"])])
    tensors["tail.starts"] = torch.tensor([0, 1])
    tensors["tail.static"] = torch.zeros(2, 0, dtype=torch.float64)


CASES = {
    "series without names": (cut_in_two, "ids are not those of the configuration"),
    "a rank twice": (shuffled([0, 1, 1]), "copula.ranks are not each there once"),
    "a rank beyond": (shuffled([0, 1, 3]), "copula.ranks are not each there once"),
    "trajectories that are not there": (shuffled([0, 1, 2], HUGE), "copula.ranks is uint16 (3, "),
    "no trajectory": (shuffled([], 0), "trajectories: Input should be"),
    "too many trajectories": (shuffled(range(1001), 1001), "of 1001 trajectories, at most 1000"),
    "radii that are no numbers": (calibrated(radii=[1.0, np.nan]), "calibration.radii are neg"),
    "negative radii": (calibrated(radii=[-1.0, 2.0]), "calibration.radii are negative"),
    "radii that fall": (calibrated(radii=[2.0, 1.0]), "calibration.radii fall with their levels"),
    "an infinite size": (calibrated(size=np.inf), "calibration.sizes"),
    "levels that fall": (calibrated(content={"levels": [80.0, 50.0]}), "calibration.levels"),
    "a level of 100 %": (calibrated(content={"levels": [80.0, 100.0]}), "calibration.levels"),
    "a negative count": (calibrated(content={"count": -1}), "calibration.count: Input should be"),
    "5 GB of weights": (
        option("model", "hidden_size", 20_000),
        "weight stack.layers.0.weight_ih_l0 is (16, ",
    ),
    "5 GB of embeddings": (option("model", "embedding_size", HUGE), "weights of another network"),
    "1e8 models": (lambda c, _: c.update(num_models=HUGE), "num_models is not training.ensemble"),
    "an ensemble of 1e8": (option("training", "ensemble", HUGE), "training.ensemble: 100000000 is"),
    "an ensemble of 3": (option("training", "ensemble", 3), "num_models is not training.ensemble"),
    "a horizon of 1e8": (option("window", "horizon", HUGE), "must be at most 1000000"),
    "a lookback of 1e6 rows for a wide panel": (
        lambda c, t: (
            c["config"]["window"].update(lookback=1_000_000),
            c["config"]["data"].update(past=[f"x{n}" for n in range(99)]),
            c["columns"].extend(f"x{n}" for n in range(99)),
            c["covariates"]["past"].extend([f"x{n}", 0.0, 1.0, []] for n in range(99)),
            t.update({"tail.values": torch.zeros(len(t["tail.values"]), 100).double()}),
        ),
        "a forecast takes 101",
    ),
    "an axis beyond int64": (lambda c, _: c["axis"].__setitem__(0, 2**63), "beyond 64 bits"),
    "times beyond int64": (
        lambda c, _: c.update(axis=[2**62, 2**62, None, []]),
        "axis: times beyond 64 bits",
    ),
    "an axis that stands still": (lambda c, _: c["axis"].__setitem__(1, 0), "axis: frequency"),
    "an axis that runs backwards": (
        lambda c, _: c["axis"].__setitem__(1, "-1MS"),
        "axis: frequency '-1MS'",
    ),
    "a series beyond the calendar": (filled("tail.starts", 2**62), "beyond the calendar"),
    "a series before the axis": (filled("tail.starts", -1), "tail.starts lie before the axis"),
    "weights that are no numbers": (
        filled("model.0.head.output.bias", np.nan),
        "weight head.output.bias holds no finite numbers",
    ),
    "infinite history": (filled("tail.values", np.inf), "tail.values are infinite"),
    "a scale of nothing": (filled("chain.2", 0.0), "chain.2 was never fitted"),
    "differences of 1e8 rows": (filled("chain.1", 1e12), "chain.1 was never fitted"),
    "columns twice": (lambda c, _: c.update(columns=["month"]), "columns are not those of the"),
    "a key more": (option("window", "lookahead", 3), "window.lookahead: unknown key; known: hor"),
    "an open size": (option("model", "hidden_size", "auto"), "hidden_size is auto, but a trained"),
    "a key less": (lambda c, _: c.pop("covariates"), "covariates: Field required"),
    "a weight less": (lambda _, t: t.pop("model.0.head.output.bias"), "weights of another network"),
    "another weight": (
        lambda _, t: t.update({"model.0.head.output.bias": torch.zeros(99)}),
        "weight head.output.bias is (99,), the network has (6,)",
    ),
    "a state less": (lambda _, t: t.pop("chain.2"), "chain.2"),
    "a covariate more": (
        lambda c, _: c["covariates"]["past"].append([{"x": {}}, 0.0, 1.0, []]),
        "zip() argument 2 is longer",
    ),
    "another axis": (lambda c, _: c["axis"].append("more"), "axis: Tuple should have at most 4"),
    "no model": (lambda c, _: c.update(num_models=0), "num_models: Input should be greater"),
    "another shape": (
        lambda _, t: t.update({"tail.static": torch.zeros(2, 3)}),
        "tail.static is float32 (2, 3)",
    ),
    "another kind": (
        lambda _, t: t.update({"tail.lines": t["tail.lines"].double()}),
        "tail.lines is float64 (24,)",
    ),
    "series without rows": (filled("tail.offsets", 0), "tail.offsets do not divide the rows into"),
}


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("air") / MODEL_FILE
    built("air")[1].save(path)
    return path


@pytest.mark.parametrize(("change", "says"), CASES.values(), ids=CASES)
def test_a_hostile_number_is_refused_in_one_line(model_file, tmp_path, change, says):
    tensors, content = load_checkpoint(model_file, "model")
    change(content, tensors)
    save_checkpoint(tmp_path / MODEL_FILE, "model", tensors, content)
    message = refusal(load, tmp_path, error=DataError)
    assert message.startswith(f"{tmp_path / MODEL_FILE}: not a model of this program: ")
    assert says in message


def test_a_sound_calibration_is_taken(model_file, tmp_path):
    tensors, content = load_checkpoint(model_file, "model")
    calibrated(radii=[0.0, np.inf])(content, tensors)
    save_checkpoint(tmp_path / MODEL_FILE, "model", tensors, content)
    table = load(tmp_path).forecast(level=50)
    assert (table["lo-50"] <= table["forecast"]).all()
    assert (table["forecast"] <= table["hi-50"]).all()
