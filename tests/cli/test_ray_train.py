"""The loop of ray.train: what its workers are told, and one training by two of them."""

import pytest

from forecast.cli import ray_train
from tests.helpers import refusal


def test_a_worker_that_is_started_anew_goes_on(tmp_path):
    run = str(tmp_path / "run")
    words = ["train", "a.yaml", "--run", run, "seed=1"]
    assert ray_train.command("a.yaml", run, ["seed=1"]) == words
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.yaml").write_text("")
    assert ray_train.command("a.yaml", run, ["seed=1"]) == ["train", "--resume", run]


def test_a_worker_that_fails_says_so_to_ray(place):
    said = refusal(ray_train.train_loop, {"config": "gone.yaml", "run": "run"})
    assert said == "forecast train ended with exit code 2; its log says why"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # ray's own
def test_two_workers_train_the_bytes_of_one_process(place, call):
    ray = pytest.importorskip("ray", reason="ray is no part of dev: pip install 'ray[train]'")
    from ray.train import RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig, TorchTrainer

    wide = ["model.hidden_size=256", "training.batch_size=64", "model.dropout=0.2"]
    assert call("train", "config.yaml", "--run", "one", *wide)[0] == 0
    settings = {"config": str(place / "config.yaml"), "run": str(place / "two"), "overrides": wide}
    ray.init(num_cpus=2, include_dashboard=False)
    try:
        TorchTrainer(
            ray_train.train_loop,
            train_loop_config=settings,
            torch_config=TorchConfig(backend="gloo"),
            scaling_config=ScalingConfig(num_workers=2),
            run_config=RunConfig(storage_path=str(place / "storage")),
        ).fit()
    finally:
        ray.shutdown()
    one, two = ((place / name / "model.safetensors").read_bytes() for name in ("one", "two"))
    assert one == two
