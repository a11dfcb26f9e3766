"""Tables as Python has them, as pandas frames whose columns have names."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd

from forecast.config.data import DataConfig
from forecast.errors import DataError, shown

if TYPE_CHECKING:  # for mypy and pyright; what comes in is looked at by `as_frame`
    from typing import IO

    from narwhals.typing import IntoFrame, IntoSeries

    from forecast.tables.parts import Part

    AnyTable: TypeAlias = (
        pd.DataFrame
        | pd.Series
        | Mapping[str, Any]
        | np.ndarray
        | Sequence[float | None]
        | Sequence[Mapping[Any, Any]]  # rows, as of JSON
        | IntoFrame
        | IntoSeries
        | IO[bytes]  # an open CSV
        | IO[str]
        | Part  # a file of a folder
    )
    TableOrPath: TypeAlias = AnyTable | str | os.PathLike[str]
else:
    AnyTable: TypeAlias = Any
    TableOrPath: TypeAlias = Any
"""A pandas frame or series, a mapping of columns, mappings in a row, numbers in a row (NumPy, a
list), a frame of polars, pyarrow or another library that narwhals knows, or an open CSV or Parquet
file. Nothing of it is changed."""

TIME, ID, TARGET = (DataConfig.model_fields[name].default for name in ("time", "id", "target"))
NUMBERS = ("integer", "floating", "mixed-integer-float", "decimal")
"""What pandas calls objects that are numbers, or missing."""
DATES = (pd.DatetimeIndex, pd.PeriodIndex, pd.TimedeltaIndex)
"""Indexes that tell times; durations are refused where the times are read."""
INSTANTS = ("datetime", "datetime64", "period", "timedelta", "timedelta64")
"""What pandas calls objects that are times, of one time zone, or durations."""
CONVERTERS = ("to_pandas", "to_dataframe", "pd_dataframe", "to_frame")
"""Methods by which objects become frames of pandas."""


def as_frame(table: AnyTable, time: str | None = None, target: str | None = None) -> pd.DataFrame:
    """A table as a frame whose columns all have names; one of that kind is returned as it is.

    What stands in the index becomes columns: levels with a name, dates, and of a series or of
    numbers in a row its steps. Periods become the times at which they begin; sparse columns, those
    of Arrow and objects that are times have the types of NumPy or pandas.

    Args:
        table: see `AnyTable`.
        time: name of the time column, for an index of dates; None: the index's own, or `ds`.
        target: name of the values of a series; None: its own, or `y`.

    Raises:
        DataError: for anything else, with its type and what to do.
    """
    found = _pandas(table)
    is_series = isinstance(found, pd.Series)
    if isinstance(found, pd.Series):
        name = target or (TARGET[0] if found.name in (None, "") else found.name)
        found = found.to_frame(name)
    if found.columns.nlevels > 1:
        raise DataError(
            f"data: its columns have {found.columns.nlevels} levels, such as"
            f" {shown(tuple(found.columns[0]))}; give each one name, as in"
            " frame.columns = frame.columns.map('_'.join)"
        )
    return _with_plain_types(_without_index(found, time, is_series))


def _pandas(table: AnyTable) -> pd.DataFrame | pd.Series:
    """The same table in pandas."""
    if isinstance(table, pd.DataFrame | pd.Series):
        return table
    if isinstance(table, Mapping):
        return _of_columns(table)
    if isinstance(table, list | tuple) and table and all(isinstance(row, Mapping) for row in table):
        return pd.DataFrame(list(table))
    if isinstance(table, np.ndarray | list | tuple):
        return _of_array(table)
    converted = _of_other_library(table)
    if converted is None:
        raise _refused(table, "")
    return converted


def _of_columns(table: Mapping[Any, Any]) -> pd.DataFrame:
    columns = {
        name: _of_array(column).array
        if isinstance(column, np.ma.MaskedArray)
        else getattr(column, "array", column)
        for name, column in table.items()
    }
    is_long = [isinstance(each, Sequence) or hasattr(each, "__len__") for each in columns.values()]
    if not all(is_long) or any(isinstance(each, str | Mapping) for each in columns.values()):
        raise _refused(table, " with values that are no columns")
    lengths = {len(column) for column in columns.values()}
    if len(lengths) != 1:
        raise _refused(
            table, f" of columns with {' and '.join(map(str, sorted(lengths) or [0]))} rows"
        )
    index = _shared_index(table)
    try:
        return pd.DataFrame(columns, index=index)
    except ValueError as error:
        raise _refused(table, f" of columns that make no table ({error})") from None


def _shared_index(columns: Mapping[Any, Any]) -> pd.Index | None:
    """The index of series that all have it; None where other columns stand beside them.

    Raises:
        DataError: for series of which each orders its rows in its own way.
    """
    found = [column.index for column in columns.values() if isinstance(column, pd.Series)]
    if any(not index.equals(found[0]) for index in found[1:]):
        raise DataError(
            "data: its series have different indexes; pandas.concat(data, axis=1) puts rows of one"
            " index side by side, and .to_numpy() of each the rows as they are"
        )
    return found[0] if len(found) == len(columns) else None


def _of_array(table: np.ndarray | Sequence[Any]) -> pd.DataFrame | pd.Series:
    """Numbers in a row are a series at the times 0, 1, ...; named fields are columns."""
    if isinstance(table, np.ma.MaskedArray) and table.dtype.kind in "iuf":
        table = np.where(np.ma.getmaskarray(table), np.nan, table.data)
    try:
        array = np.asarray(table)
    except ValueError:  # lists of several lengths
        raise _refused(table, "") from None
    if array.dtype.names and array.ndim == 1:
        return pd.DataFrame(array)
    if array.ndim == 1 and pd.api.types.infer_dtype(array) in NUMBERS:  # beside None
        objects = pd.Series(array, dtype=object)
        if not _are_numbers(objects):
            return objects  # the reader names the one that is too large
        array = pd.to_numeric(objects).to_numpy(np.float64, na_value=np.nan)
    if array.ndim != 1 or array.dtype.kind not in "iuf":
        raise _refused(table, f" of shape {array.shape} and type {array.dtype}")
    return pd.Series(array)


def _of_other_library(table: AnyTable) -> pd.DataFrame | pd.Series | None:
    """A frame or column of another library in pandas; None for what is neither."""
    import narwhals as nw  # only here, because most tables need it not

    found = nw.from_native(table, pass_through=True, allow_series=True)
    if isinstance(found, nw.LazyFrame):
        found = found.collect("pyarrow")
    if isinstance(found, nw.DataFrame | nw.Series):
        return found.to_pandas()
    if hasattr(table, "__arrow_c_stream__"):
        import pyarrow as pa

        frame: pd.DataFrame = pa.table(table).to_pandas()
        return frame
    return None


def _refused(table: AnyTable, detail: str) -> DataError:
    kind = type(table)
    name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
    method = next((each for each in CONVERTERS if hasattr(table, each)), None)
    how = f"data.{method}()" if method else "pandas.DataFrame(..., columns=[...])"
    how = "pandas.read_csv(...), or name the file as data.path" if isinstance(table, str) else how
    return DataError(f"data: {name}{detail} is no table with named columns; make one by {how}")


def _without_index(frame: pd.DataFrame, time: str | None, is_series: bool) -> pd.DataFrame:
    """What the index says as columns, in front of the others."""
    labels = {str(label) for label in frame.columns}
    columns = {
        name: level
        for name, level in _named_levels(frame.index, labels, time, is_series)
        if str(name) not in labels
    }
    if not columns:
        return frame
    result = frame.copy(deep=False)
    result.index = pd.RangeIndex(len(frame))
    for place, (name, level) in enumerate(columns.items()):
        result.insert(place, name, level.array)
    return result


def _named_levels(
    index: pd.Index, labels: set[str], time: str | None, is_series: bool
) -> list[tuple[Any, pd.Index]]:
    """The levels of an index that are columns, with their names.

    Args:
        index: of a frame.
        labels: its columns.
        time: name of the time column; None: any.
        is_series: the frame has a single column, whose index tells its steps.
    """
    levels = [index.get_level_values(number) for number in range(index.nlevels)]
    is_known = time is not None and (time in labels or time in index.names)
    named: list[tuple[Any, pd.Index]] = []
    for level in levels:
        name: Any = level.name
        if isinstance(level, DATES) and not is_known and (name is None or time == TIME):
            name = time or TIME
        elif name is None and len(levels) > 1:
            name = ID if ID not in [other for other, _ in named] else time or TIME
        elif name is None and (is_series or pd.api.types.is_string_dtype(level.dtype)):
            name = time or TIME
        if name is not None:
            named.append((name, level))
    names = [str(name) for name, _ in named]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise DataError(
            f"data: two of the {len(levels)} levels of its index would be the column"
            f" {shown(twice)}; name each level, as in data.rename_axis([...])"
        )
    return named


def _with_plain_types(frame: pd.DataFrame) -> pd.DataFrame:
    """Columns of further types as those that the readers know; the others as they are."""
    changed = {
        number: _plain(frame.iloc[:, number])
        for number, kind in enumerate(frame.dtypes)
        if isinstance(kind, pd.PeriodDtype | pd.SparseDtype | pd.ArrowDtype) or kind.kind == "O"
    }
    result = frame.copy(deep=False)
    for number, column in changed.items():
        if column is not None:
            result.isetitem(number, column.array)
    return result if any(column is not None for column in changed.values()) else frame


def _plain(column: pd.Series) -> pd.Series | None:
    """A column of another type; None for one that stays what it is."""
    kind = column.dtype
    if isinstance(kind, pd.PeriodDtype):
        return pd.Series(column.dt.to_timestamp())
    if isinstance(kind, pd.SparseDtype):
        return pd.Series(column.to_numpy())
    if isinstance(kind, pd.ArrowDtype):
        return None if kind.kind in "iufbU" else _of_arrow(column)
    if isinstance(kind, pd.CategoricalDtype):
        return None
    told = pd.api.types.infer_dtype(column)
    if told in INSTANTS:
        found = column.infer_objects()
        return _plain(found) if told == "period" else found
    if told in ("integer", "mixed-integer-float") and not _are_numbers(column):
        return column.astype(str)
    return None


def _of_arrow(column: pd.Series) -> pd.Series:
    import pyarrow as pa

    converted: pd.Series = pa.array(column.array).to_pandas()
    return converted


def _are_numbers(column: pd.Series) -> bool:
    """Whether no object of a column is an integer that no floating-point number holds."""
    try:
        pd.to_numeric(column.dropna())
    except OverflowError:
        return False
    return True
