"""What may be written about intervals."""

from forecast.config.tree import config_from


def intervals(**options):
    return config_from({"data": {"path": "a.csv"}, "intervals": options}).intervals


def test_levels_are_percentages_in_order():
    assert intervals().levels == (80, 95)
    assert intervals(levels=[]).levels == ()
    assert intervals(levels=[50, 99.9], origins=10, rate=0).levels == (50, 99.9)
