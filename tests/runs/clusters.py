"""What a played cluster says of the two processes that a program needs of it."""

import contextlib
import socket
from types import SimpleNamespace

NOBODY = ("127.0.0.1", 1)
"""Where nothing listens."""


@contextlib.contextmanager
def listening():
    """A place of this machine that answers, as long as this lasts."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()


def whereabouts(raylet=NOBODY, head=NOBODY):
    """Functions of the module of Ray by name; the raylet is that of this machine, of two."""
    context = SimpleNamespace(get_node_id=lambda: "b", gcs_address=f"{head[0]}:{head[1]}")
    nodes = [
        {"NodeID": name, "NodeManagerAddress": host, "NodeManagerPort": port}
        for name, (host, port) in (("a", NOBODY), ("b", raylet))
    ]
    return {"nodes": lambda: nodes, "get_runtime_context": lambda: context}
