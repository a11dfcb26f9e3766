"""`forecast serve`: trained models behind HTTP, until the process is told to end."""

from __future__ import annotations

import logging
from importlib.util import find_spec

from forecast.cli.options import ServeOptions
from forecast.cli.process import long_lived
from forecast.errors import ConfigError, extra_missing
from forecast.runs.log import stderr_log

log = logging.getLogger("forecast")

NEEDED = ("fastapi", "uvicorn", "prometheus_client")


def serve(options: ServeOptions) -> int:
    """Load the models, listen, and answer."""
    if any(find_spec(name) is None for name in NEEDED):
        raise extra_missing("serve", "fastapi, uvicorn and prometheus-client", "serve")
    from forecast.serve import server
    from forecast.serve.app import Service
    from forecast.serve.health import Metrics
    from forecast.serve.limits import Limits
    from forecast.serve.models import Models

    token = server.token_in(options.token_file) if options.token_file else None
    if not (token or options.without_token or server.is_loopback(options.host)):
        raise ConfigError(
            f"--host {options.host} is open to others: give --token-file FILE, or --without-token"
            " to serve everybody"
        )
    with stderr_log(options.quiet):
        models = Models(options.runs)
        listener = server.bound(options.host, options.port, "--port")
        health = server.bound(options.host, options.health_port, "--health-port")
        names = server.own_names(options.host, token is not None)
        with listener, health:
            where = " and health on ".join(_address(each) for each in (listener, health))
            log.info("%s on %s", ", ".join(served.name for served in models), where)
            long_lived()
            server.serve(Service(models, Limits(), Metrics(), token, names), listener, health)
    return 0


def _address(listener: object) -> str:
    host, port, *_ = listener.getsockname()  # type: ignore[attr-defined]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
