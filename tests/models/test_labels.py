"""Networks that forecast labels: what they read, what is fed back, and what a class is worth."""

import itertools

import pytest
import torch

from forecast.config.model import ModelConfig
from forecast.models.forecaster import Forecaster, WindowShape
from forecast.models.labels import LabelCoding

LOOKBACK, HORIZON = 6, 5
SHAPE = WindowShape(
    LOOKBACK, HORIZON, 2, num_past=1, num_future=1, num_static=1, num_quantiles=4, classes=(4, 2)
)
HEADS = ["direct", "recursive", "parallel"]


def network(**options):
    torch.manual_seed(0)
    return Forecaster(ModelConfig(hidden_size=7, **options), SHAPE).eval()


def batch(windows=3, seed=1):
    generator = torch.Generator().manual_seed(seed)

    def numbers(*sizes):
        return torch.randn(sizes, generator=generator)

    past = numbers(windows, LOOKBACK, 4)
    for target, count in enumerate(SHAPE.classes):
        past[..., target] = torch.randint(count, (windows, LOOKBACK), generator=generator)
    targets = torch.randint(2, (windows, HORIZON, 2), generator=generator).float()
    return past, numbers(windows, HORIZON, 1), numbers(windows, 1), targets


def first_weight(model):
    """Name of the weights that read the inputs of the first layer."""
    return next(name for name, _ in model.named_parameters() if name.endswith("weight_ih_l0"))


ALL = list(itertools.product(HEADS, [1, 2], ["joint", "independent"], [None, 5]))


@pytest.mark.parametrize(("head", "segment", "channels", "embedding"), ALL)
def test_every_head_gives_each_class_a_logit_and_absent_ones_no_chance(
    head, segment, channels, embedding
):
    model = network(head=head, segment=segment, channels=channels, embedding_size=embedding)
    *inputs, targets = batch()
    for is_training in (False, True):
        logits = model.train(is_training)(*inputs, targets if is_training else None)
        assert logits.shape == (3, HORIZON, 2, 4)
        shares = logits.softmax(dim=-1)
        assert (shares[:, :, 1, 2:] == 0).all()
        assert (shares[:, :, 0] > 0).all()
        logits.logsumexp(dim=-1).sum().backward()
    assert all(weight.grad is not None for weight in model.parameters())


def test_the_numbers_of_classes_are_no_sizes():
    """Other numbers for the same labels, and weights that follow: the same forecast."""
    model = network(head="direct")
    past, future, static, _ = batch()
    expected = model(past, future, static)
    order = torch.tensor([2, 0, 3, 1])  # class -> its other number
    with torch.no_grad():
        weight = dict(model.named_parameters())[first_weight(model)]
        columns = weight[:, :4].clone()
        weight[:, order] = columns
    past[..., 0] = order[past[..., 0].long()].float()
    torch.testing.assert_close(model(past, future, static), expected)


def test_a_label_is_one_column_of_ones_and_unknown_ones_are_none():
    coding = LabelCoding((3, 2), False)
    codes = torch.tensor([[[0.0, 1.0], [2.0, -1.0], [torch.nan, 0.0]]])
    expected = [[1, 0, 0, 0, 1, 0], [0, 0, 1, 0, 0, 0], [0, 0, 0, 1, 0, 0]]
    assert coding.one_hot(codes)[0].tolist() == expected


def test_what_is_fed_back_are_probabilities_in_the_columns_of_the_label():
    logits = torch.randn(4, 2, 2, 3)
    joint = LabelCoding((3, 2), False).fed_back(logits)
    assert joint.shape == (4, 2, 6)
    torch.testing.assert_close(joint[..., :3], logits[:, :, 0].softmax(-1))
    torch.testing.assert_close(joint[..., 3:5], logits[:, :, 1, :2].softmax(-1))
    assert (joint[..., 5] == 0).all()
    alone = LabelCoding((3, 2), True).fed_back(logits.transpose(1, 2).reshape(8, 2, 1, 3))
    torch.testing.assert_close(alone[1::2], joint[..., 3:])
    torch.testing.assert_close(alone[0::2], joint[..., :3])


@pytest.mark.parametrize("segment", [1, 2])
def test_a_certain_forecast_fed_back_is_the_label_that_came(segment):
    """Far apart logits make probabilities of 0 and 1: then feeding back is teacher forcing."""
    model = network(head="recursive", segment=segment)
    *inputs, _ = batch()
    with torch.no_grad():
        model.head.emit.output.weight.mul_(1e4)
        model.head.emit.output.bias.mul_(1e4)
        forecast = model(*inputs)
        came = forecast.argmax(dim=-1).float()
        taught = model.train()(*inputs, came)
    torch.testing.assert_close(taught, forecast, rtol=1e-3, atol=1.0)


@pytest.mark.parametrize("head", HEADS)
def test_only_windows_of_the_lookback_are_read(head):
    """Neither targets to come nor other windows count outside training."""
    model = network(head=head)
    past, future, static, targets = batch()
    whole = model(past, future, static)
    torch.testing.assert_close(model(past, future, static, targets), whole)
    torch.testing.assert_close(model(past[1:2], future[1:2], static[1:2]), whole[1:2])
