"""`forecast runs`: what is listed of the runs in a folder."""

import json
import os

from tests.cli.helpers import after_epoch, raising


def test_runs_are_listed_with_scores_and_differences(place, call, monkeypatch):
    for name, words in (("a", ["training.epochs=1"]), ("b", ["seed=3", "training.epochs=1"])):
        assert call("train", "config.yaml", "--run", f"runs/x/{name}", "--quiet", *words)[0] == 0
    with monkeypatch.context() as patch:
        after_epoch(patch, raising(KeyboardInterrupt))
        call("train", "config.yaml", "--run", "runs/part")
    os.utime("runs/x/a/summary.json", (10**9, 10**9))
    os.utime("runs/x/b/summary.json", (10**9 - 1, 10**9 - 1))  # within the same minute
    (place / "runs" / "x" / "mine").mkdir()
    (place / "runs" / "x" / "mine" / "config.yaml").write_text("of another program")
    (place / "runs" / "pipe").mkdir()
    (place / "runs" / "pipe" / "summary.json").touch()
    os.mkfifo("runs/pipe/config.yaml")
    code, out, _ = call("runs", "--json")
    assert code == 0
    found = {run["run"]: run for run in json.loads(out)["runs"]}
    assert [*found][:2] == ["runs/x/b", "runs/x/a"], "the oldest comes first"
    assert found["runs/x/a"]["date"] == "2001-09-09 01:46"
    assert found["runs/part"]["state"] == "interrupted"
    summary = json.loads((place / "runs/x/b/summary.json").read_text())
    assert found["runs/x/b"]["scores"] == summary["metrics"][summary["model"]]
    assert found["runs/x/b"]["differs"]["seed"] == 3
    assert found["runs/x/a"]["differs"] == {**found["runs/x/b"]["differs"], "seed": 0}
    text = call("runs")[1].splitlines()
    assert text[0].split() == ["run", "date", "(UTC)", "MASE", "MAE", "RMSE", "differs", "in"]
    assert text[2].split()[:3] == ["runs/x/a", "2001-09-09", "01:46"]
    assert text[2].endswith("seed=0")


def test_what_is_damaged_is_named_and_the_others_are_listed(place, call, run):
    for name in ("good", "no_json", "no_yaml", "huge"):
        folder = place / "runs" / name
        folder.mkdir(parents=True)
        for file in ("config.yaml", "summary.json", "environment.json"):
            (folder / file).write_bytes((run / file).read_bytes())
    (place / "runs/no_json/summary.json").write_text("[" * 10**5)
    (place / "runs/huge/summary.json").write_text('{"model": "lstm", "metrics": {"lstm": 3}}')
    (place / "runs/no_yaml/config.yaml").write_text("a: [")
    states = {r["run"]: r["state"] for r in json.loads(call("runs", "--json")[1])["runs"]}
    assert states == {
        "runs/good": "finished",
        "runs/no_json": "damaged",
        "runs/no_yaml": "damaged",
        "runs/huge": "damaged",
    }


def test_a_folder_without_runs_says_how_to_make_one(place, call):
    (place / "empty").mkdir()
    assert call("runs", "empty")[1] == (
        "empty: no runs; forecast train CONFIG --run DIR makes one\n"
    )
