"""An attack that no fault can fail proves nothing: each is shown one and must report it."""

import contextlib
import itertools
import mmap

import numpy as np
import pytest
import torch
from pandas.io.common import get_handle

import forecast
from forecast.config.losses import MeanSquared
from forecast.config.model import ModelConfig
from forecast.data import assemble, pipeline
from forecast.data.transforms import Affine
from forecast.models.forecaster import Forecaster
from forecast.tables import units
from forecast.training import resuming, session
from forecast.training.losses import Loss
from fuzz import __main__ as fuzz_main
from fuzz import (
    callers,
    hours,
    inverses,
    labels,
    leakage,
    long_runs,
    marks,
    names,
    pairs,
    paths,
    proposals,
    resumes,
    seeds,
    streams,
)
from fuzz.calls import Call
from fuzz.cases import Case
from fuzz.forecasters import COMBINATIONS, RULES, STEP, check_forecaster
from fuzz.rows import ROWS, Outcome
from fuzz.trainings import LENGTHS, configuration, table

pytestmark = pytest.mark.usefixtures("no_pictures")


def test_an_optimiser_that_is_not_resumed_is_seen(monkeypatch, tmp_path):
    monkeypatch.setattr(resuming, "load_optimizer_tensors", lambda learner, tensors: None)
    found = (resumes.check(number, None, tmp_path) for number in range(4))
    assert next(filter(None, found)) == (
        "model.safetensors differs from that of an undisturbed training"
    )


def test_states_that_are_fitted_on_all_rows_are_seen(monkeypatch, tmp_path):
    real = pipeline.fit_chain

    def leaky(options, values, train, season, shared=None):
        ends = np.append(train[1:, 0], len(values))
        return real(options, values, np.column_stack([train[:, 0], ends]), season, shared)

    monkeypatch.setattr(pipeline, "fit_chain", leaky)
    assert "leaks into ['fitted', 'steps', 'weights'" in leakage.check(0, None, tmp_path)


def test_a_part_is_changed_from_its_first_row_on():
    random = np.random.default_rng(0)
    data = table(random)
    for part, rows in (("late", 8), ("test", 14), ("validation", 26)):
        differs = (leakage.changed(data, part, random)["y"] != data["y"]).to_numpy()
        ends = np.cumsum(LENGTHS)
        expected = [row for end in ends for row in range(end - rows, end)]
        assert np.flatnonzero(differs).tolist() == expected


def test_an_inverse_that_is_a_hair_off_is_seen(monkeypatch, tmp_path):
    real = Affine.invert
    monkeypatch.setattr(
        Affine, "invert", lambda self, *arguments: real(self, *arguments) * (1 + 2e-9)
    )
    monkeypatch.setattr(inverses, "EXAMPLES", 30)
    fault = inverses.check(0, None, tmp_path)
    assert fault.startswith("(Standardize("), "the smallest chain that shows it"
    assert "panel 0, horizon 1: 1.8e-09" in fault


def test_a_table_that_is_not_refused_or_at_another_line_is_seen(monkeypatch, tmp_path):
    name = next(iter(hours.FAULTS))
    monkeypatch.setitem(hours.FAULTS, name, lambda _, rows: hours.Bad(rows, 3, "column 'y'"))
    assert "exit 0" in hours.check(0, None, tmp_path)
    rows = hours._rows(np.random.default_rng(0))
    rows[4][2] = ""
    monkeypatch.setitem(hours.FAULTS, name, lambda *_: hours.Bad(rows, 3, "column 'y'"))
    assert "not at" in hours.check(0, None, tmp_path)


@pytest.mark.parametrize("name", ["reference://x::refs.json", "~/x"])
def test_a_name_that_a_reader_follows_is_seen(monkeypatch, material_stub, tmp_path, name):
    material_stub.files["table.parquet"] = b""
    number = paths.NAMES.index(name) * len(paths.WAYS) * len(paths.SUFFIXES)
    assert paths.check(number, material_stub, tmp_path) is None

    @contextlib.contextmanager
    def followed(path):
        with get_handle(path, "rb", is_text=False) as handles:
            yield handles.handle

    monkeypatch.setattr(assemble, "opened", followed)
    fault = paths.check(number, material_stub, tmp_path)
    assert fault.startswith(f"check {name}.csv: ")


def test_a_draw_from_the_callers_state_is_seen(monkeypatch, material_stub, tmp_path):
    for name in ("lr_find", "backtest", "report"):
        monkeypatch.setattr(forecast, name, lambda *_, **__: None, raising=False)
    assert seeds.check_caller(0, material_stub, tmp_path) is None
    monkeypatch.setattr(forecast, "report", lambda *_, **__: np.random.rand())
    assert seeds.check_caller(0, material_stub, tmp_path) == "drawn from: numpy"


@pytest.fixture
def material_stub(tmp_path):
    """Material of which only a path is asked."""
    from fuzz.material import Material

    return Material(tmp_path)


def test_weights_that_are_no_numbers_are_seen(monkeypatch, tmp_path):
    monkeypatch.setattr(session, "kept_epoch", lambda history, *_: history[-1])
    found = [long_runs.check_divergence(number, None, tmp_path) for number in range(3)]
    assert all("other weights are kept" in fault or "never trained" in fault for fault in found)
    assert any("other weights are kept" in fault for fault in found)


def test_memory_that_is_not_given_back_is_seen(monkeypatch, tmp_path):
    kept, real = [], session.Session._after_epoch

    def leaky(self, epoch):
        kept.append(mmap.mmap(-1, 2**20))  # not of freed memory that the process kept
        kept[-1].write(b"x" * 2**20)
        real(self, epoch)

    monkeypatch.setattr(session.Session, "_after_epoch", leaky)
    monkeypatch.setattr(long_runs, "BRIEF", 30)
    monkeypatch.setattr(long_runs, "WARM", 10)
    assert "MB more after 30 epochs than after 10" in long_runs.check_memory(0, None, tmp_path)


def case_of(folder, **model):
    return Case(ModelConfig(hidden_size=4, window_norm="mean", **model), MeanSquared(), folder)


def spoiled(monkeypatch, spoil):
    """Every model forecasts as `spoil` makes of its arguments and what it would."""
    real = Forecaster.forward

    def forward(self, past, future, static, targets=None, noise=None):
        return spoil(self, past, targets, real(self, past, future, static, targets, noise))

    monkeypatch.setattr(Forecaster, "forward", forward)


def broken(names, case):
    """Of the rules of these names those that a combination breaks."""
    return {rule.__name__ for rule in RULES if rule.__name__ in names and not rule(case)}


@pytest.mark.parametrize(
    ("spoil", "rules"),
    [
        (
            lambda model, past, targets, output: output + past[..., :1, :1].mean(0)[..., None],
            {
                "is_the_same_for_any_batch_size",
                "does_not_see_other_windows",
                "moves_with_its_window",
            },
        ),
        (
            lambda model, past, targets, output: (
                output if targets is None else output + 0.1 * targets.nan_to_num()[..., None]
            ),
            {"does_not_read_the_truth", "is_taught_nothing_of_a_step_before_it"},
        ),
        (
            lambda model, past, targets, output: output / past[..., :2].std(1).min(),
            {"is_finite_on_a_constant_window", "has_finite_gradients_on_a_constant_window"},
        ),
        (
            lambda model, past, targets, output: output.detach() + 0 * model.head.output.bias.sum(),
            {"reaches_every_weight", "changes_every_weight", "has_the_gradient_of_its_loss"},
        ),
        (
            lambda model, past, targets, output: output + torch.rand(()),
            {"repeats_itself", "leaves_the_random_state"},
        ),
        (
            lambda model, past, targets, output: output + past.data.mul_(1.5).mean() * 0,
            {"leaves_its_input", "leaves_its_batch"},
        ),
    ],
    ids=["batch", "truth", "constant", "gradient", "random", "input"],
)
def test_a_model_that_breaks_a_rule_is_seen(spoil, rules, monkeypatch, tmp_path):
    spoiled(monkeypatch, spoil)
    assert broken(rules, case_of(tmp_path)) == rules


def test_a_model_that_breaks_none_is_not(tmp_path):
    assert check_forecaster(case_of(tmp_path)) == []


def test_a_loss_that_sees_masked_targets_is_seen(monkeypatch, tmp_path):
    monkeypatch.setattr(Loss, "_weights", lambda self, target: torch.ones_like(target)[..., None])
    rules = {"does_not_see_masked_targets", "takes_a_batch_without_a_target"}
    assert broken(rules, case_of(tmp_path)) == rules


def test_every_combination_is_tried_and_can_be_configured():
    assert len(COMBINATIONS) == 3 * 5 * 5 * 2 * (3 + 3 + 1)
    assert len({number * STEP % len(COMBINATIONS) for number in range(1050)}) == 1050


def test_configurations_differ_in_every_part():
    drawn = [configuration(np.random.default_rng(number)) for number in range(40)]
    assert {config.training.averaging.key() for config in drawn} == {"none", "ema", "swa"}
    assert {config.training.sampling for config in drawn} == {"all", "uniform"}
    assert {config.model.head for config in drawn} == {"direct", "recursive", "parallel"}
    assert len({config.training.optimizer.key() for config in drawn}) == 7
    assert len({config.training.schedule.key() for config in drawn}) == 6


@pytest.mark.gpu
@pytest.mark.parametrize("head", ["direct", "recursive", "parallel"])
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_a_gpu_obeys_the_rules(cell, head, tmp_path):
    assert check_forecaster(case_of(tmp_path, cell=cell, head=head)) == []


def test_a_stream_that_ends_a_training_is_seen(monkeypatch, material_stub, tmp_path):
    monkeypatch.setattr(streams, "_words", lambda *_: ["config", "show", "nothing.yaml"])
    assert "exit 2" in streams.check(0, material_stub, tmp_path)
    monkeypatch.setattr(streams, "main", lambda _: 1 / 0)
    assert "ZeroDivisionError" in streams.check(0, material_stub, tmp_path)


def test_a_name_that_is_printed_as_it_is_or_lost_is_seen(monkeypatch, tmp_path):
    monkeypatch.setattr(names, "_name", lambda _: "\x1b[31m")
    assert names.check(0, None, tmp_path) is None
    with monkeypatch.context() as patch:
        patch.setattr("forecast.errors.printable", lambda text: text)
        assert "prints" in names.check(0, None, tmp_path)
    monkeypatch.setattr("forecast.reporting.pictures.to_csv", lambda table: "id\nother\n")
    assert "forecast.csv holds {'other'}" in names.check(0, None, tmp_path)


def test_marks_that_take_a_sign_with_them_are_seen(monkeypatch, tmp_path):
    assert [marks.check(number, None, tmp_path) for number in range(6)] == [None] * 6
    real = units.number_of

    def unsigned(text, unit):
        return (real(text, unit) or "x").lstrip("-")

    monkeypatch.setattr(units, "number_of", unsigned)
    assert "read as" in marks.check(1, None, tmp_path)


def test_pairs_that_become_one_are_seen(monkeypatch, tmp_path):
    monkeypatch.setattr("forecast.data.series.name_of", lambda parts: parts[0])
    for room in ("series", "panel"):
        monkeypatch.setattr(f"forecast.data.{room}.parts_of", lambda name, count: (name,) * count)
    assert "read as" in pairs.check(1, None, tmp_path)


def test_trainings_that_differ_in_threads_are_seen(monkeypatch, tmp_path):
    real, count = callers._trained, itertools.count()
    monkeypatch.setattr(
        callers, "_trained", lambda *arguments: real(*arguments) + bytes(next(count) // 3)
    )
    assert "trainings [1] differ" in callers.check(0, None, tmp_path)


def test_a_proposal_that_check_refuses_is_seen(monkeypatch, tmp_path):
    def call(*words):
        if words[0] == "check":
            return Call(words, 3, "problem     no window\n", "")
        (tmp_path / "proposed.yaml").touch()
        return Call(words, 0, "", "")

    monkeypatch.setattr(proposals, "call", call)
    assert "exit 3" in proposals.check(0, None, tmp_path)
    monkeypatch.setattr(proposals, "call", lambda *words: Call(words, 0, "", ""))
    assert "no file, and no refusal" in proposals.check(1, None, tmp_path)


def test_a_row_is_on_the_page_as_soon_as_it_is_done(monkeypatch, tmp_path):
    """An interrupted run keeps the rows that it has, and the earlier figures of the others."""
    page = tmp_path / "page.md"
    first, second = ROWS[:2]
    monkeypatch.setattr(fuzz_main, "ROWS", (first, second))
    monkeypatch.setattr(fuzz_main, "opened", lambda *_: contextlib.nullcontext())
    monkeypatch.setattr("sys.argv", ["fuzz", "--output", str(page)])
    counts = iter((10, 20, 30))

    def attack(row, *_):
        return Outcome(row, next(counts), [], 1.0)

    monkeypatch.setattr(fuzz_main, "attack", attack)
    assert fuzz_main.main() == 0
    page.write_text(f"{page.read_text()}\n## Found\n\nNothing.\n")
    with pytest.raises(StopIteration):
        fuzz_main.main()
    text = page.read_text()
    assert f"| {first.attack} | 30 | 0 |" in text
    assert f"| {second.attack} | 20 | 0 |" in text
    assert text.endswith("\n## Found\n\nNothing.\n")


def test_shares_that_are_none_are_seen():
    sound = {"forecast": "b", "p-a": "0.25", "p-b": "0.75"}
    assert labels._unsound([sound]) is None
    for change in ({"forecast": "a"}, {"forecast": "c"}, {"p-a": "0.5"}, {"p-a": "-0.25"}):
        assert labels._unsound([sound | change])
