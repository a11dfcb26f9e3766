"""Studies from Python: they are those of the command."""

import pandas as pd
import pytest

import forecast
from forecast.config.tree import read_config
from forecast.errors import ConfigError
from forecast.tuning.run import study_folder, tune
from forecast.tuning.search import Limits
from forecast.tuning.study import pruner_named
from tests.tuning.helpers import config_of, table


def test_the_best_of_a_study_can_be_trained_and_is_what_its_folder_says(tmp_path):
    config, folder = config_of(tmp_path), tmp_path / "study"
    found = forecast.tune(config, trials=3, folder=folder)
    complete = found.trials[found.trials["state"] == "complete"]
    assert found.metric == "MASE"
    assert found.score == complete["MASE"].min()
    written = read_config(folder / "best.yaml")
    assert written.training == found.best.training
    assert written.model == found.best.model
    pd.testing.assert_frame_equal(found.trials, pd.read_csv(folder / "study.csv"))
    again = forecast.tune(config, trials=3, folder=folder)
    pd.testing.assert_frame_equal(again.trials, found.trials)
    assert forecast.train(found.best).config.model.hidden_size == found.best.model.hidden_size


def test_a_table_in_memory_is_searched_as_its_file_is(tmp_path):
    config = config_of(tmp_path)
    of_file = forecast.tune(config, trials=2, pruner="none")
    frame, before = table(), table()
    section = config.model_copy(update={"data": config.data.model_copy(update={"path": "data"})})
    of_frame = forecast.tune(section, frame, trials=2, pruner="none")
    same = of_file.trials.columns.drop("seconds")
    pd.testing.assert_frame_equal(of_frame.trials[same], of_file.trials[same])
    pd.testing.assert_frame_equal(frame, before)
    assert repr(of_frame) == f"Tuned(MASE {of_frame.score:.4g} on validation, 2 trials)"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"trials": 0}, "trials=0 is not allowed; give 1 to 100000"),
        ({"minutes": -1.0}, "minutes=-1 is not allowed; give a time above 0"),
    ],
)
def test_what_is_not_possible_is_refused_in_the_words_of_python(tmp_path, wrong, said):
    with pytest.raises(ConfigError) as refused:
        forecast.tune(config_of(tmp_path), **wrong)
    assert str(refused.value) == said


def test_a_pruner_that_is_not_known_is_refused():
    assert pruner_named("none") == "none"
    with pytest.raises(ConfigError) as refused:
        pruner_named("mean")
    assert str(refused.value) == "pruner 'mean' is not known; give median, hyperband, none"


def test_of_two_studies_at_once_in_a_folder_one_is_refused(tmp_path):
    config, folder = config_of(tmp_path), tmp_path / "study"
    with study_folder(folder, "", config.data.path), pytest.raises(ConfigError, match="in use by"):
        forecast.tune(config, trials=1, folder=folder)


def test_a_cluster_that_does_not_answer_leaves_the_folder_as_it_was(tmp_path):
    def nobody(_):
        raise ConfigError("no cluster answers")

    with pytest.raises(ConfigError, match="no cluster"):
        next(tune(config_of(tmp_path), tmp_path, Limits(1), runner=nobody))
    assert {path.name for path in tmp_path.iterdir()} == {"table.csv"}
