"""The format in which all texts of a column are times."""

import pandas as pd
import pytest

from forecast.times.formats import formats_of


@pytest.mark.parametrize("row", [0, 1, 500, 999])
def test_a_format_reads_all_of_many_texts_or_none(row):
    texts = pd.Series(pd.date_range("2024-01-13", periods=1000).strftime("%d.%m.%Y"))
    assert list(formats_of(texts)) == ["%d.%m.%Y"]
    texts[row] = "31.02.2024"
    assert formats_of(texts) == {}
