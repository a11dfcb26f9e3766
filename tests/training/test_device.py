"""Choice of the device on machines as they may be, and random states that are given back."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from forecast.errors import ConfigError, DeviceError
from forecast.training.device import (
    available_devices,
    choose_device,
    describe_device,
    device_of,
    mixed_precision,
    require_precision,
)
from forecast.training.seeds import mixed_seed, seeded
from tests.helpers import refusal

CPU = torch.device("cpu")
GIB = 2**30


@pytest.fixture
def machine(monkeypatch):
    """A machine with devices of this much free memory (None: it cannot be asked) of one kind."""

    def build(*free: int | None, kind: str | None = "cuda") -> None:
        def memory(device) -> tuple[int, int]:
            if free[device.index] is None:
                raise RuntimeError("CUDA error: out of memory")
            return free[device.index], 80 * GIB

        found = torch.device(kind) if kind == "mps" or free else None
        monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda check_available: found)
        monkeypatch.setattr(torch.accelerator, "device_count", lambda: len(free))
        monkeypatch.setattr(torch.accelerator, "get_memory_info", memory)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Tesla T4")

    return build


@pytest.mark.parametrize(
    ("free", "known", "chosen"),
    [
        ((), ["cpu"], {"auto": "cpu", "cpu": "cpu"}),
        (
            (3 * GIB, 7 * GIB, 5 * GIB),
            ["cpu", "cuda:0", "cuda:1", "cuda:2"],
            {"auto": "cuda:1", "cuda": "cuda:1", "cuda:0": "cuda:0", "cpu": "cpu"},
        ),
        ((9 * GIB, 7 * GIB), ["cpu", "cuda:0", "cuda:1"], {"auto": "cuda:0", "cuda": "cuda:0"}),
        # A device without room for a context cannot even be asked.
        ((None, 2 * GIB), ["cpu", "cuda:0", "cuda:1"], {"auto": "cuda:1"}),
    ],
)
def test_the_device_with_most_free_memory_or_the_one_that_is_named(free, known, chosen, machine):
    machine(*free)
    assert available_devices() == known
    assert {name: str(choose_device(name)) for name in chosen} == chosen


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "mps", "xpu"])
def test_a_device_that_is_not_there(name: str, machine) -> None:
    machine()
    with pytest.raises(DeviceError) as raised:
        choose_device(name)
    assert str(raised.value) == f"device {name!r} is not there; choose auto, cpu"
    assert raised.value.exit_code == 4


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "CUDA", ""])
def test_what_is_no_device_is_refused_as_a_configuration_refuses_it(name: str) -> None:
    known = "auto, cpu, cuda, cuda:N, xpu, xpu:N or mps"
    said = refusal(choose_device, name, error=ConfigError)
    assert said == f"device {name!r} is no device; write {known}"


def test_a_number_too_high_lists_what_is_there(machine) -> None:
    machine(3 * GIB, 7 * GIB)
    with pytest.raises(DeviceError) as raised:
        choose_device("cuda:2")
    message = "device 'cuda:2' is not there; choose auto, cpu, cuda:0, cuda:1"
    assert str(raised.value) == message


def test_mps_is_taken_when_asked_for(machine) -> None:
    machine(kind="mps")
    assert choose_device("mps") == torch.device("mps")
    assert choose_device("auto") == CPU
    with pytest.raises(DeviceError, match=r"choose auto, cpu, mps$"):
        choose_device("cuda")


def test_xpu_is_taken_when_asked_for(machine) -> None:
    machine(2 * GIB, 3 * GIB, kind="xpu")
    assert available_devices() == ["cpu", "xpu:0", "xpu:1"]
    assert choose_device("auto") == CPU
    assert [str(choose_device(name)) for name in ("xpu", "xpu:0")] == ["xpu:1", "xpu:0"]
    assert describe_device(torch.device("xpu:1")) == "xpu:1 (3.0 of 80.0 GiB free)"


def test_each_process_of_a_machine_takes_a_device_of_its_own(machine) -> None:
    machine(3 * GIB, 7 * GIB)
    assert [str(device_of("auto", rank, 2)) for rank in (0, 1)] == ["cuda:0", "cuda:1"]
    assert str(device_of("cuda", 0, 1)) == "cuda:1"
    assert device_of("cpu", 5, 8) == CPU
    said = refusal(device_of, "cuda", 0, 3, error=DeviceError)
    assert said == (
        "device 'cuda': 3 processes, and cuda:0, cuda:1; give each process a device of its own, or"
        " all of them device=cpu"
    )
    assert "2 processes, and cuda:1;" in refusal(device_of, "cuda:1", 0, 2)
    machine(kind="mps")
    assert "2 processes, and mps;" in refusal(device_of, "mps", 0, 2)


def test_descriptions(machine) -> None:
    machine(3 * GIB, 7 * GIB)
    found = describe_device(torch.device("cuda:1"))
    assert found == "cuda:1 (Tesla T4, 7.0 of 80.0 GiB free)"
    assert describe_device(CPU) == "cpu"
    assert describe_device(torch.device("mps")) == "mps"


def test_a_seeded_block_draws_from_its_numbers_alone() -> None:
    draws = []
    for before in (1, 2):
        torch.manual_seed(before)
        with seeded(3, 4):
            draws.append(torch.rand(5))
    with seeded(3, 5):
        other = torch.rand(5)
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], other)


def test_the_callers_state_is_left_alone() -> None:
    torch.manual_seed(1)
    expected = torch.rand(6)
    torch.manual_seed(1)
    found = [torch.rand(3)]
    numpy_state = repr(np.random.get_state())
    with seeded(3):
        torch.rand(100)
    found.append(torch.rand(3))
    assert torch.equal(torch.cat(found), expected)
    assert repr(np.random.get_state()) == numpy_state


def test_the_callers_state_is_left_alone_after_an_error() -> None:
    state = torch.get_rng_state()
    with pytest.raises(RuntimeError), seeded(3):
        torch.rand(4).view(3)
    assert torch.equal(torch.get_rng_state(), state)


def test_the_weights_are_those_of_torch_with_that_seed_and_other_threads_are_left_alone() -> None:
    def built() -> list[torch.Tensor]:
        parts = (nn.LSTM(3, 4, 2), nn.Linear(3, 4), nn.Embedding(3, 4))
        square = nn.init.orthogonal_(torch.empty(4, 4))
        weights = [weight for part in parts for weight in part.parameters()]
        return [*weights, square, nn.init.xavier_normal_(square.clone()), torch.randn(3)]

    with torch.random.fork_rng([]):
        torch.manual_seed(mixed_seed(3))
        expected = built()
    torch.manual_seed(1)
    state = torch.get_rng_state()
    with seeded(3), ThreadPoolExecutor(1) as other:
        mine = torch.Generator().manual_seed(1)
        assert other.submit(torch.rand, 2).result().equal(torch.rand(2, generator=mine))
        torch.set_rng_state(state)
        found = built()
    assert torch.equal(torch.get_rng_state(), state)
    assert all(map(torch.equal, found, expected))


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=4))
def test_mixed_seeds_are_those_of_numpy(numbers: list[int]) -> None:
    seed = mixed_seed(*numbers)
    assert seed == int(np.random.SeedSequence(numbers).generate_state(1)[0])
    assert 0 <= seed < 2**32


def test_near_numbers_have_different_seeds() -> None:
    seeds = {mixed_seed(first, second) for first in range(40) for second in range(40)}
    assert len(seeds) == 1600


@pytest.mark.gpu
def test_auto_takes_a_cuda_device() -> None:
    device = choose_device("auto")
    free = [torch.cuda.mem_get_info(number)[0] for number in range(torch.cuda.device_count())]
    assert device.type == "cuda"
    assert free[device.index] > 0.9 * max(free)
    assert "GiB free" in describe_device(device)


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
@pytest.mark.parametrize(
    ("precision", "expected"), [("float32", torch.float32), ("bf16", torch.bfloat16)]
)
def test_matrix_products_are_in_the_precision_asked_for_and_only_inside(
    precision: str, expected: torch.dtype, device: str
) -> None:
    matrix = torch.eye(3, device=device)
    with mixed_precision(torch.device(device), precision):
        assert (matrix @ matrix).dtype == expected
        assert (matrix + matrix).dtype == torch.float32
    assert (matrix @ matrix).dtype == torch.float32


def test_a_precision_that_the_cpu_does_not_compute_is_refused(monkeypatch) -> None:
    def fail(*arguments, **options):
        raise RuntimeError("could not create a primitive descriptor")

    monkeypatch.setattr(torch.nn.LSTM, "forward", fail)
    assert refusal(require_precision, CPU, "bf16", error=DeviceError) == (
        "training.precision: bf16: cpu computes no LSTM in it; write float32, or train on a GPU"
    )


def test_single_precision_is_computed_everywhere() -> None:
    require_precision(CPU, "float32")
