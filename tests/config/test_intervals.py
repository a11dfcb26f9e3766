"""What may be written about intervals."""

import pytest

from forecast.config.tree import config_from
from forecast.errors import ConfigError


def intervals(**options):
    return config_from({"data": {"path": "a.csv"}, "intervals": options}).intervals


def test_levels_are_percentages_in_order():
    assert intervals().levels == (80, 95)
    assert intervals(levels=[]).levels == ()
    assert intervals(levels=[50, 99.9], origins=10, rate=0).levels == (50, 99.9)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"levels": [0.8]}, "intervals.levels.0: 0.8 is not allowed: must be at least 1"),
        ({"levels": [100]}, "intervals.levels.0: 100 is not allowed: must be at most 99.9"),
        ({"levels": 80}, "intervals.levels: 80 is not allowed: must be a list; put it in [ ]"),
        (
            {"levels": [95, 80]},
            "intervals.levels: [95.0, 80.0] must increase; write them in order, each once",
        ),
        ({"origins": 0}, "intervals.origins: 0 is not allowed: must be above 0"),
        ({"rate": 1.5}, "intervals.rate: 1.5 is not allowed: must be at most 1"),
    ],
)
def test_what_is_wrong_is_named(options, message):
    with pytest.raises(ConfigError) as refused:
        intervals(**options)
    assert str(refused.value) == f"configuration: {message}"
