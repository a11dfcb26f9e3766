"""Labels as numbers of classes: in the order of their texts, fitted on training rows alone."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from forecast.config.data import DataConfig
from forecast.config.labels import Label
from forecast.data.assemble import read_panel
from forecast.data.labels import MOST_CLASSES, balanced, fit_labels, shares
from forecast.errors import DataError


def panel_of(**columns):
    """A daily panel whose columns are labels."""
    frame = pd.DataFrame(columns)
    frame["ds"] = pd.date_range("2020-01-01", periods=len(frame))
    target = tuple(Label(name=name, encoding="label") for name in columns)
    return read_panel(DataConfig(path="data", target=target), frame)


def first(rows, panel):
    return np.arange(len(panel.values)) < rows


def test_classes_are_those_of_the_training_rows_in_the_order_of_their_texts():
    panel = panel_of(state=["wet", "dry", "wet", "icy", None, "hot"])
    labels = fit_labels(panel, first(4, panel))
    assert labels.classes == (("dry", "icy", "wet"),)
    assert labels.counts == (3,)
    numbers = labels.encode(panel.values, panel)[:, 0]
    np.testing.assert_array_equal(numbers, [2, 0, 2, 1, np.nan, -1])
    assert labels.unseen(panel) == {"state": ("hot",)}
    known = numbers[:4].astype(np.int64)[:, None]
    np.testing.assert_array_equal(labels.decode(known, panel), panel.values[:4])


@pytest.mark.parametrize(
    ("cells", "classes"),
    [
        ([True, False, True], ("False", "True")),
        ([10, 9, 10], ("10", "9")),
        (pd.Categorical(["b", "a", "b"]), ("a", "b")),
        (["NA", "ja", "NA"], ("NA", "ja")),
    ],
    ids=["truth", "numbers", "categories", "as written"],
)
def test_labels_are_texts_whatever_they_were(cells, classes):
    panel = panel_of(state=cells)
    assert fit_labels(panel, first(3, panel)).classes == (classes,)


def test_numbers_are_no_labels():
    frame = pd.DataFrame({"y": [1.0, 2.0, 3.0], "ds": pd.date_range("2020", periods=3)})
    panel = read_panel(DataConfig(path="data", target=("y",)), frame)
    assert fit_labels(panel, first(3, panel)) is None


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        (["a", "a", "b"], "data: column 'state' is constant ('a' in all training rows); there is"),
        ([None, "", "b"], "data: column 'state' is empty in all training rows"),
        ([*map(str, range(200))], f"data: column 'state' holds 199 labels, at most {MOST_CLASSES}"),
    ],
)
def test_one_label_and_too_many_are_refused(cells, says):
    panel = panel_of(state=cells)
    with pytest.raises(DataError, match=f"^{says.replace('(', '.').replace(')', '.')}"):
        fit_labels(panel, first(len(cells) - 1, panel))


def test_a_table_that_lacks_a_class_learns_it():
    panel = panel_of(state=["a", "b", "c", "b"])
    labels = fit_labels(panel, first(4, panel))
    newer = panel_of(state=["c", "d", "c"])
    assert labels.of_targets(newer.targets) == {"state": ("a", "b", "c")}
    np.testing.assert_array_equal(labels.encode(newer.values, newer)[:, 0], [2, -1, 2])
    whole = dataclasses.replace(newer, categories={"state": ("c", "d", "a", "b")})
    np.testing.assert_array_equal(labels.decode(np.array([[0], [2]]), whole)[:, 0], [2, 0])


def test_balanced_weights_are_one_on_average_and_make_classes_alike():
    panel = panel_of(state=["a"] * 6 + ["b"] * 3 + ["c"], other=["x", "y"] * 5)
    labels = fit_labels(panel, first(10, panel))
    numbers = labels.encode(panel.values, panel)
    of_rows = shares(labels, numbers)
    np.testing.assert_allclose(of_rows, [[0.6, 0.3, 0.1], [0.5, 0.5, 0]])
    weights = balanced(of_rows)
    np.testing.assert_allclose(weights * of_rows, [[1 / 3] * 3, [0.5, 0.5, 0]])
    for target in range(2):
        mean = weights[target][numbers[:, target].astype(int)].mean()
        assert mean == pytest.approx(1)
