"""What the tests of pictures share: made-up records, and what is seen of a figure."""

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg

from forecast.training.loop import Epoch
from forecast.training.lr_rules import Point, Sweep

RATES = np.logspace(-6, 0, 61)


def epochs(train, validation=None, rates=None):
    validation = validation or [None] * len(train)
    rates = rates or [0.1] * len(train)
    each = zip(train, validation, rates, strict=True)
    return [
        Epoch(number, number, float(loss), scored, rate, seconds=1.0)
        for number, (loss, scored, rate) in enumerate(each, 1)
    ]


def sweep(rates, smoothed):
    points = zip(map(float, rates), map(float, smoothed), map(float, smoothed), strict=True)
    return Sweep(0, tuple(Point(*each) for each in points), {})


def legend_texts(holder) -> list[str]:
    return [text.get_text() for text in holder.get_texts()]


def drawn(figure):
    """The figure with ticks and places as in the file."""
    FigureCanvasAgg(figure).draw()
    return figure


def tick_labels(axis) -> list[str]:
    """Labels of the ticks that are seen."""
    low, high = sorted(axis.get_view_interval())
    ticks = [tick for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    return [tick.label1.get_text() for tick in ticks]


def assert_nothing_overlaps(labels, renderer):
    boxes = [label.get_window_extent(renderer) for label in labels if label.get_text()]
    for number, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[number + 1 :])
