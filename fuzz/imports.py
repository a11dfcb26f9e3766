"""What a command imports on its way, imported once for all processes that are forked."""

from importlib import import_module

MODULES = (
    *(
        "forecast.cli." + name
        for name in ("main", "commands", "predict", "report", "init", "configs")
    ),
    "forecast.drawing.plots",
    "jinja2",
    "matplotlib.figure",
    "matplotlib.backends.backend_agg",
    "pandas",
    "pyarrow.parquet",
    "scipy.linalg",
    "sklearn.linear_model",
    "torch._dynamo",
    "torch.optim",
)

for name in MODULES:
    import_module(name)
