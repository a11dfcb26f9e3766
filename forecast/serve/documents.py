"""What `/openapi.json` says of the routes, with examples."""

from __future__ import annotations

from typing import Any

from forecast.serve.wire import CSV, JSON, ForecastRequest, ForecastResponse, Refusal

HISTORY = {"ds": ["2024-01-01", "2024-01-02", "2024-01-03"], "y": [12.5, 13.1, 12.8]}
ROW = {"ds": "2024-01-04", "target": "y", "forecast": 12.9, "lo-80": 12.1, "hi-80": 13.7}
CSV_IN, CSV_OUT = "ds,y\n2024-01-01,12.5\n", "ds,target,forecast\n2024-01-02,y,12.9\n"
REFUSALS = {
    400: "No HTTP, or no JSON",
    401: "No token, or a wrong one",
    403: "Called by another name than its own",
    404: "No such address or model",
    405: "Another method",
    406: "Neither JSON nor CSV is accepted",
    408: "Headers or body too slow",
    413: "Too many bytes, rows or series",
    415: "Another type of body",
    422: "What the command refuses: a column that is missing, text among numbers, too few rows",
    429: "The queue is full",
    503: "The service is ending, or too slow",
}
EXAMPLES = {
    "end of the training table": {"value": {}},
    "newer history": {"value": {"history": HISTORY, "horizon": 12, "level": [80, 95]}},
    "rows, and what is known ahead": {
        "value": {
            "model": "sales",
            "history": [{"ds": "2024-01-01", "y": 12.5, "price": 3}],
            "future": [{"ds": "2024-01-02", "price": 2}],
        }
    },
}
PARAMETERS = [
    {"name": name, "in": "query", "required": False, "schema": {"type": kind}, "description": text}
    for name, kind, text in (
        ("model", "string", "of a CSV: name, where several models are served"),
        ("horizon", "integer", "of a CSV: steps"),
        ("level", "string", "of a CSV: intervals in percent, e.g. 80,95"),
    )
]


OPENAPI: dict[str, dict[str, Any]] = {
    "models": {
        "summary": "The models that are served",
        "responses": {200: {"content": {JSON: {"example": [{"name": "sales", "horizon": 12}]}}}},
    },
    "forecast": {
        "summary": "Forecast the next steps of every series",
        "responses": {
            200: {
                "model": ForecastResponse,
                "description": "Forecasts in the user's units",
                "content": {
                    JSON: {"example": {"model": "sales", "forecast": [ROW], "warnings": []}},
                    CSV: {"schema": {"type": "string"}, "example": CSV_OUT},
                },
            },
            **{code: {"model": Refusal, "description": text} for code, text in REFUSALS.items()},
        },
        "openapi_extra": {
            "parameters": PARAMETERS,
            "requestBody": {
                "required": False,
                "content": {
                    JSON: {"schema": ForecastRequest.model_json_schema(), "examples": EXAMPLES},
                    CSV: {"schema": {"type": "string"}, "example": CSV_IN},
                },
            },
        },
    },
}
"""Arguments of the decorators of the routes, by route."""
