"""Cross-entropy: torch's own where it has the same, and what is masked or never seen."""

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from forecast.config.losses import CrossEntropy
from forecast.models.labels import ABSENT
from forecast.training.losses import Loss

CLASSES = (4, 2)


def windows(seed=0, batch=5, horizon=3):
    """Logits of two targets, the second of which has fewer classes, and labels."""
    rng = np.random.default_rng(seed)
    logits = torch.from_numpy(rng.normal(size=(batch, horizon, 2, 4)).astype(np.float32))
    logits[:, :, 1, 2:] = ABSENT
    shape = (batch, horizon)
    labels = np.stack([rng.integers(0, count, shape) for count in CLASSES], axis=-1)
    return logits.requires_grad_(), torch.from_numpy(labels.astype(np.float32))


ALIKE = torch.tensor([[1.0, 1, 1, 1], [1, 1, 0, 0]])
WEIGHTS = torch.tensor([[0.5, 2, 1, 1], [0.75, 1.5, 0, 0]])


def by_torch(logits, labels, weights, smoothing=0.0):
    """The loss of each label, target by target, over the classes that the target has."""
    found = []
    for target, count in enumerate(CLASSES):
        of_target, of_class = logits[:, :, target, :count], labels[:, :, target].long()
        each = cross_entropy(
            of_target.flatten(0, 1), of_class.flatten(), reduction="none", label_smoothing=smoothing
        )
        found.append(each * weights[target][of_class.flatten()])
    return torch.stack(found)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weights", [ALIKE, WEIGHTS], ids=["alike", "weighted"])
def test_it_is_that_of_torch(weights, smoothing):
    logits, labels = windows()
    loss = Loss(CrossEntropy(label_smoothing=smoothing), class_weights=weights)(logits, labels)
    expected = by_torch(logits, labels, weights, smoothing).mean()
    torch.testing.assert_close(loss, expected)
    own = torch.autograd.grad(loss, logits, retain_graph=True)[0]
    torch.testing.assert_close(own, torch.autograd.grad(expected, logits)[0])
    assert (own[:, :, 1, 2:] == 0).all()  # of classes that the target does not have


def test_what_is_unknown_or_was_never_seen_counts_nothing():
    logits, labels = windows()
    each = by_torch(logits, labels, ALIKE).view(2, 5, 3)
    labels[0, 0, 0], labels[1, 2, 1] = torch.nan, -1
    kept = torch.ones(2, 5, 3, dtype=torch.bool)
    kept[0, 0, 0] = kept[1, 1, 2] = False
    loss = Loss(CrossEntropy(), class_weights=ALIKE)(logits, labels)
    torch.testing.assert_close(loss, each[kept].mean())
    (gradient,) = torch.autograd.grad(loss, logits)
    assert gradient.isfinite().all()
    assert (gradient[0, 0, 0] == 0).all()
    assert (gradient[1, 2, 1] == 0).all()


def test_steps_and_series_have_their_weights():
    logits, labels = windows()
    of_steps, of_series = torch.tensor([1.0, 0, 3]), torch.rand(5, 2)
    loss = Loss(CrossEntropy(), (1.0, 0.0, 3.0), ALIKE)(logits, labels, of_series)
    each = by_torch(logits, labels, ALIKE).view(2, 5, 3)
    weighted = each * of_steps * of_series.T[:, :, None]
    torch.testing.assert_close(loss, weighted.sum() / (10 * of_steps.sum()))
