"""Permutation importance against scikit-learn, a slow loop, and windows whose use is known."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LinearRegression

from forecast.config.covariates import Covariate
from forecast.data.covariates import FittedCovariate, FittedCovariates
from forecast.data.windows import Batch
from forecast.reporting.importance import (
    MOST_BLOCKS,
    InputPart,
    error_rises,
    input_parts,
    lookback_parts,
    shuffled,
)

B, L, H, C, F, D, K = 40, 6, 2, 4, 2, 3, 1


def batch_of(seed=0, windows=B):
    generator = torch.Generator().manual_seed(seed)

    def random(*shape):
        return torch.randn(*shape, generator=generator)

    return Batch(
        past=random(windows, L, C),
        future=random(windows, H, F),
        static=random(windows, D),
        target=random(windows, H, K),
    )


def covariate(name, *categories):
    encoding = "one_hot" if categories else "standardize"
    return FittedCovariate(Covariate(name=name, encoding=encoding), categories=categories)


COVARIATES = FittedCovariates(
    past=(covariate("shop", "a", "b"), covariate("price")),
    future=(covariate("promo"),),
    static=(covariate("size"), covariate("kind", "x", "y")),
    calendar=("month",),
)


def test_the_rise_is_that_of_scikit_learn_on_the_same_linear_model():
    batch = batch_of(windows=300)
    weights = torch.randn(L, C, generator=torch.Generator().manual_seed(1))

    def predict(windows):
        return torch.einsum("blc,lc->b", windows.past, weights)[:, None, None]

    target = predict(batch) + 0.1 * batch.target[:, :1]
    batch = Batch(batch.past, batch.future[:, :1], batch.static, target)
    parts = [InputPart("a", past=(2,), first=3, end=4), InputPart("b", past=(0,), first=5)]
    _, rises = error_rises(predict, batch, parts, repeats=150)
    flat = batch.past.flatten(1).numpy()
    linear = LinearRegression(fit_intercept=False).fit(flat, predict(batch).ravel().numpy())
    expected = permutation_importance(
        linear,
        flat,
        target.ravel().numpy(),
        scoring="neg_mean_absolute_error",
        n_repeats=150,
        random_state=0,
    ).importances_mean.reshape(L, C)
    found = rises.mean(axis=1)
    np.testing.assert_allclose(found, [expected[3, 2], expected[5, 0]], rtol=0.03)


def test_error_and_rise_are_those_of_a_slow_loop_and_unobserved_targets_do_not_count():
    batch = batch_of()
    batch.target[3, 1] = torch.nan

    def predict(windows):
        return windows.past[:, -1:, :1] + windows.future[..., :1] + windows.static[:, None, :1]

    part = InputPart("all", past=(0,), future=(0,), static=(0,), first=4)
    error, rises = error_rises(predict, batch, [part], repeats=3, seed=7)
    generator = torch.Generator().manual_seed(7)
    for repeat in range(3):
        order = torch.randperm(B, generator=generator).tolist()
        plain, moved = [], []
        for window, other in enumerate(order):
            for step in range(H):
                actual = float(batch.target[window, step, 0])
                if actual == actual:
                    for source, errors in ((window, plain), (other, moved)):
                        value = batch.past[source, -1, 0] + batch.future[source, step, 0]
                        errors.append(abs(float(value + batch.static[source, 0]) - actual))
        assert error == pytest.approx(np.mean(plain), rel=1e-5)
        assert rises[0, repeat] == pytest.approx(np.mean(moved) - np.mean(plain), rel=1e-4)


def test_what_a_model_does_not_read_has_no_rise_and_what_it_reads_alone_has_all():
    batch = batch_of()
    exact = Batch(batch.past, batch.future, batch.static, batch.past[:, -H:, 1:2].clone())
    parts = lookback_parts(L, 1, C, MOST_BLOCKS)
    error, rises = error_rises(lambda windows: windows.past[:, -H:, 1:2], exact, parts, 4)
    assert error == 0
    assert (rises[:-H] == 0).all()
    assert (rises[-H:] > 0.2).all()


def test_windows_that_have_weights_rise_like_those_without():
    batch, parts = batch_of(), [InputPart("all", tuple(range(C)), (), (), 0, L)]
    weighted = replace(batch, weight=torch.rand(B, K))
    plain = error_rises(lambda each: each.past[:, :H, :K], batch, parts, 3)
    error, rises = error_rises(lambda each: each.past[:, :H, :K], weighted, parts, 3)
    assert error == plain[0]
    assert np.array_equal(rises, plain[1])


def test_the_same_seed_gives_the_same_rises_and_every_part_the_same_orders():
    batch = batch_of()
    parts = [InputPart("a", past=(0,)), InputPart("again", past=(0,))]

    def predict(windows):
        return windows.past[:, -H:, :1]

    first, second = (error_rises(predict, batch, parts, 3, seed)[1] for seed in (5, 5))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first[0], first[1])
    assert not np.array_equal(first, error_rises(predict, batch, parts, 3, 6)[1])


@given(st.data())
def test_shuffling_moves_the_part_whole_and_leaves_the_rest(data):
    columns = st.sets(st.integers(0, D - 1)).map(lambda chosen: tuple(sorted(chosen)))
    past, static = data.draw(columns), data.draw(columns)
    first, end = sorted(data.draw(st.tuples(st.integers(0, L), st.integers(0, L))))
    order = data.draw(st.permutations(range(B)))
    batch, part = batch_of(), InputPart("part", past, (1,), static, first, end)
    moved = shuffled(batch, part, torch.tensor(order))
    for step in range(L):
        for column in range(C):
            is_part = column in past and first <= step < end
            source = order if is_part else list(range(B))
            assert torch.equal(moved.past[:, step, column], batch.past[source, step, column])
    assert torch.equal(moved.future[..., 0], batch.future[..., 0])
    assert torch.equal(moved.future[..., 1], batch.future[order][..., 1])
    for column in range(D):
        source = order if column in static else list(range(B))
        assert torch.equal(moved.static[:, column], batch.static[source, column])
    assert torch.equal(moved.target, batch.target)


def test_a_covariate_is_all_columns_that_it_became():
    parts = {part.name: part for part in input_parts(("y", "z"), COVARIATES)}
    assert {name: part.past for name, part in parts.items()} == {
        "past y": (0,),
        "past z": (1,),
        "shop": (2, 3),
        "price": (4,),
        "promo": (5,),
        "month": (6, 7),
        "size": (),
        "kind": (),
    }
    assert {name: part.future for name, part in parts.items() if part.future} == {
        "promo": (0,),
        "month": (1, 2),
    }
    assert (parts["size"].static, parts["kind"].static) == ((0,), (1, 2))


@pytest.mark.parametrize(
    ("lookback", "segment", "count", "first", "last"),
    [
        (48, 12, 4, (0, 12), (36, 48)),
        (720, 24, 24, (0, 24), (696, 720)),
        (12, 12, 12, (0, 1), (11, 12)),
        (1, 1, 1, (0, 1), (0, 1)),
        (100, 1, 24, (0, 4), (96, 100)),
    ],
)
def test_the_lookback_is_cut_without_gaps_in_segments_or_in_a_few_stretches(
    lookback, segment, count, first, last
):
    parts = lookback_parts(lookback, segment, 3, MOST_BLOCKS)
    assert len(parts) == count
    assert (parts[0].first, parts[0].end) == first
    assert (parts[-1].first, parts[-1].end) == last
    assert all(a.end == b.first < b.end for a, b in itertools.pairwise(parts))
    assert all(part.past == (0, 1, 2) and not part.future for part in parts)
    if lookback // segment >= 4:
        assert all(part.first % segment == 0 for part in parts)
    steps = last[1] - last[0]
    assert parts[-1].name == (f"-{steps} to -1" if steps > 1 else "-1")
