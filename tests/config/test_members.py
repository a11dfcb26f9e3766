"""Members that differ: what each is, and that a configuration with them reads back equal."""

import pytest

from forecast.config.members import changes_in_words
from forecast.config.tree import build_config, config_from, read_yaml, write_config
from forecast.errors import ConfigError

LISTED = "[{window.lookback: 48, window.lags: [30]}, {training.loss: {huber: 0.5}}, {}]"
TEXT = f"data: {{path: a.csv}}\ntraining: {{loss: mae, epochs: 7, ensemble: {LISTED}}}\n"


def config(text=TEXT, *overrides):
    return build_config(read_yaml(text, "c.yaml"), "c.yaml", overrides)


def test_a_member_is_the_configuration_with_its_changes():
    whole = config()
    long, huber, usual = whole.listed
    assert (long.window.lookback, long.window.lags, long.training.loss.key()) == (48, (30,), "mae")
    assert huber.training.loss.delta == 0.5
    assert huber.window == usual.window == whole.window
    assert {each.training.epochs for each in whole.listed} == {7}
    # So that each takes its share of the minutes, and knows how many they are.
    assert {each.training.members for each in (whole, *whole.listed)} == {3}
    assert whole.widest == long.window
    assert whole.widest.reach == 78
    assert [changes_in_words(whole.training, n) for n in range(3)] == [
        "window.lookback 48, window.lags [30]",
        "training.loss {'huber': 0.5}",
        "as configured",
    ]


def test_members_by_seed_are_the_configuration_itself():
    whole = config("data: {path: a.csv}\ntraining: {ensemble: 3}\n")
    assert whole.member(2) is whole
    assert whole.listed == ()
    assert whole.training.members == 3


def test_listed_members_are_written_overridden_and_told_by_python():
    whole = config()
    assert config(write_config(whole)) == whole
    assert config("data: {path: a.csv}\n", f"training.ensemble={LISTED}").training.members == 3
    values = {"window.lookback": 48}
    made = config_from({"data": {"path": "a.csv"}, "training": {"ensemble": [values, {}]}})
    assert [each.window.lookback for each in made.listed] == [48, 24]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[]", "must be a whole number or of at least 1 entries"),
        ("{}", "{} is not allowed: must be a whole number or a list"),
        ("[3, {}]", "training.ensemble.0: 3 is not allowed: must be a section of keys"),
        ("[{model.: 3}]", "training.ensemble.0.model.: unknown key"),
    ],
)
def test_what_is_no_list_of_changes_is_refused(text, says):
    with pytest.raises(ConfigError) as caught:
        config(f"data: {{path: a.csv}}\ntraining: {{ensemble: {text}}}\n")
    assert says in str(caught.value)
