"""Where processes find each other, in what torchrun says of them."""

from torch.distributed import TCPStore

from forecast.distributed.environment import Place, store_of


def test_processes_that_are_started_anew_see_nothing_of_those_before(monkeypatch):
    """The store of torchrun stays: it holds their addresses and their work."""
    of_torchrun = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    monkeypatch.setenv("MASTER_PORT", str(of_torchrun.port))
    monkeypatch.setenv("TORCHELASTIC_USE_AGENT_STORE", "True")
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "0")
    store_of(Place(0, 2)).set("work", b"old")
    assert store_of(Place(1, 2)).check(["work"])
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    assert not store_of(Place(1, 2)).check(["work"])
