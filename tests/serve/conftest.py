"""Small models in files, made once."""

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
pytest.importorskip("prometheus_client")

from tests.waves import SINGLE, TABLE, config, finish, session_of


@pytest.fixture(scope="session")
def single(tmp_path_factory):
    """The model of one series, and its file."""
    model = finish(session_of(config(), SINGLE))
    path = tmp_path_factory.mktemp("served") / "single.safetensors"
    model.save(path)
    return model, path


@pytest.fixture(scope="session")
def panel(tmp_path_factory):
    """The model of two series with a covariate of the future, and its file."""
    table = TABLE.assign(price=range(len(TABLE)))
    chosen = config(data={"id": "unique_id", "future": ["price"], "target": ("y",)})
    model = finish(session_of(chosen, table.drop(columns="z")))
    path = tmp_path_factory.mktemp("served") / "panel.safetensors"
    model.save(path)
    return model, path
