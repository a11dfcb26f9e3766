"""Partners within a graph: as the combination has them, at another number of windows and rows."""

import numpy as np
import pytest
import torch
from torch import nn

from forecast.evaluation.baselines import History
from forecast.export.partners import GraphCombination
from forecast.export.recorded import DOMAIN, with_functions
from forecast.export.session import session_of
from forecast.partners.combination import Combination

pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # torch.onnx and its helpers warn of themselves
    pytest.mark.usefixtures("unchecked_shapes"),
]


class Shifted(nn.Module):
    def __init__(self, combination):
        super().__init__()
        self.combination = combination

    def forward(self, own, rows):
        return self.combination.shifted(own, rows)


def test_a_partner_that_is_fitted_anew_is_in_the_file(monkeypatch):
    monkeypatch.setattr("forecast.partners.histories.FEWEST_ROWS", 30)
    made = Combination(("lstm", "theta"), ((0.25, 0.75),), minimum=0.0)
    graph = Shifted(GraphCombination(made, 1, 3)).eval()
    sizes = {0: torch.export.Dim.AUTO}
    program = torch.onnx.export(
        graph,
        (torch.ones(2, 3, 1, 3).double(), torch.ones(2, 12, 1).double()),
        dynamo=True,
        dynamic_shapes=(sizes, sizes | {1: torch.export.Dim.AUTO}),
        input_names=["own", "rows"],
        verbose=False,
    )
    model = with_functions(program.model_proto, graph)
    assert DOMAIN not in {each.domain for each in (*model.opset_import, *model.graph.node)}

    rng = np.random.default_rng(1)
    rows = rng.normal(20, 3, (4, 25, 1)) + np.arange(25)[:, None] * 0.4
    rows[1, :20] = np.nan
    rows[2, :24] = np.nan  # too few: seasonal naive stands in
    own = np.sort(rng.normal(25, 3, (4, 3, 1, 3)))
    found = session_of(model.SerializeToString()).run(None, {"own": own, "rows": rows})[0]
    history = History(rows.reshape(-1, 1), np.arange(0, 101, 25), 1)
    wanted = made.shifted(own, history, history.offsets[1:] - 1)
    np.testing.assert_allclose(found, wanted, rtol=1e-9)
