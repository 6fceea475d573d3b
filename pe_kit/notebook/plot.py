"""Pictures: what was written against what it came from, with gaps shaded (Altair charts that need no network)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from pe_kit.engine.frames import writes_frame
from pe_kit.engine.outcome import Outcome, Run
from pe_kit.errors import UsageError, near_match
from pe_kit.notebook.chart import alt
from pe_kit.notebook.visible import count, visible

if TYPE_CHECKING:
    from pe_kit.engine.engine import Engine

__all__ = ["plot", "plot_outcome"]

_BYTES = 150_000
"""What the points of a whole picture may take: with its SVG it stays under 200 kB in a saved notebook."""
_SERIES = 12
_PANELS = 4
_GAP = 3.0
"""A gap is a step of more than so many times the median of the steps around it."""


class _Series(NamedTuple):
    """One line of a picture: ``times`` int64 nanoseconds in order, ``values`` finite floats."""

    role: str
    field: str
    name: str
    times: np.ndarray[Any, Any]
    values: np.ndarray[Any, Any]


def plot(engine: Engine, what: Any, db: str | None = None) -> alt.VConcatChart:
    """Draw a table, a query's result or an outcome.

    Args:
        engine: where tables and queries are looked up.
        what: a table's name, SQL text, a DataFrame or an Outcome. A result needs a time column and a column of numbers;
            columns of text tell series apart.
        db: the database; not needed when there is one only, or one only that has the table.

    Raises:
        UsageError: there is nothing that can be drawn, or the database is not clear.
    """
    if isinstance(what, Outcome):
        return plot_outcome(what)
    if isinstance(what, Run):
        return _draw([*_source([what]), *_written([what])])
    if isinstance(what, pd.DataFrame):
        return _draw(_of_frame(what, "query"))
    if not isinstance(what, str):
        raise UsageError(
            f"cannot draw a {type(what).__name__}", mend="Give a table's name, SQL, a DataFrame or an Outcome."
        )
    if len(what.split()) == 1:
        homes = (
            [db]
            if db is not None
            else [name for name in engine.databases["database"] if what in set(engine.tables(name)["table"])]
        )
        if len(homes) == 1:
            quoted = what.replace('"', '""')
            return _draw(_of_frame(engine.query(f'SELECT * FROM "{quoted}" ORDER BY time', homes[0]), what))
        if homes:
            raise UsageError(
                f"several databases have a table {what!r}: {', '.join(homes)}", mend="Say which one: db=..."
            )
        known = {table for name in engine.databases["database"] for table in engine.tables(name)["table"]}
        raise UsageError(f"there is no table {what!r}", mend=near_match(what, known, what="tables"))
    if db is None:
        names = [name for name in engine.databases["database"] if name != "_internal"]
        if len(names) != 1:
            raise UsageError("the query needs its database: db=...", mend=near_match("", names, what="databases"))
        db = names[0]
    return _draw(_of_frame(engine.query(what, db), "query"))


def plot_outcome(outcome: Outcome) -> alt.VConcatChart:
    """Draw what the runs of an outcome wrote, against the rows that they were given.

    Raises:
        UsageError: no run wrote a number and none was given one.
    """
    return _draw([*_source(outcome.runs), *_written(outcome.runs)])


def _source(runs: Iterable[Run]) -> Iterator[_Series]:
    batches: dict[str, list[dict[str, Any]]] = {}
    seen: set[tuple[int, str, str]] = set()
    for run in runs:
        for batch in (run.batch or []) if run.caused_by is None else []:
            key = (run.event.id, f"{run.started_ns} {run.database}", batch["table_name"])
            if key not in seen:  # several triggers get the same rows
                seen.add(key)
                batches.setdefault(batch["table_name"], []).extend(batch["rows"])
    for table, rows in batches.items():
        yield from _of_frame(pd.DataFrame(rows), table, "source")


def _written(runs: Iterable[Run]) -> Iterator[_Series]:
    frame = writes_frame(runs)
    for (_, table), part in frame.groupby(["database", "table"], sort=False):
        yield from _of_frame(
            part.drop(columns=["database", "table"]).dropna(axis="columns", how="all"), str(table), "written"
        )


def _of_frame(frame: pd.DataFrame, table: str, role: str = "source") -> Iterator[_Series]:
    """Cut a frame into series: one for each column of numbers and each combination of the text columns."""
    time = next((name for name in frame if name == "time" or pd.api.types.is_datetime64_any_dtype(frame[name])), None)
    if time is None or frame.empty:
        return
    numbers = [
        n
        for n in frame
        if n != time and pd.api.types.is_numeric_dtype(frame[n]) and not pd.api.types.is_bool_dtype(frame[n])
    ]
    tags = [
        n
        for n in frame
        if n != time and n not in numbers and not pd.api.types.is_bool_dtype(frame[n]) and frame[n].nunique() <= 50
    ]
    groups = frame.groupby(tags, dropna=False, observed=True, sort=False) if tags else [((), frame)]
    for key, part in groups:
        label = " ".join(f"{tag}={value}" for tag, value in zip(tags, key, strict=True) if isinstance(value, str))
        times = part[time].to_numpy()
        ns = times if times.dtype.kind in "iu" else part[time].astype("datetime64[ns]").to_numpy().view("int64")
        for name in numbers:
            values = part[name].to_numpy(dtype="float64", na_value=np.nan)
            good = np.isfinite(values) & (ns != np.iinfo("int64").min)
            order = np.argsort(ns[good], kind="stable")
            if order.size:
                yield _Series(role, str(name), f"{table}.{name} {label}".rstrip(), ns[good][order], values[good][order])


def _thin(series: _Series, most: int) -> _Series:
    """Keep the lowest and highest point of each stretch: spikes stay."""
    size = series.times.size
    if size <= most:
        return series
    edges = np.linspace(0, size, max(most // 2, 1) + 1).astype("int64")
    keep: set[int] = set()
    for a, b in pairwise(edges):
        keep.update((int(a + series.values[a:b].argmin()), int(a + series.values[a:b].argmax())))
    chosen = np.array(sorted(keep))
    return series._replace(times=series.times[chosen], values=series.values[chosen])


def _gaps(all_series: Iterable[_Series]) -> pd.DataFrame:
    """Find the stretches without data: steps far longer than those around them; times in milliseconds."""
    found: set[tuple[float, float]] = set()
    for series in all_series:
        steps = pd.Series(np.diff(series.times))
        usual = steps.rolling(25, center=True, min_periods=min(3, max(len(steps), 1))).median().clip(lower=1)
        for i in np.flatnonzero(steps > _GAP * usual):
            found.add((series.times[i] / 1e6, series.times[i + 1] / 1e6))
    return pd.DataFrame(sorted(found)[:50], columns=["from", "to"])


def _panel_of(series: _Series, sources: list[str]) -> str:
    """A written field stands with the source field whose name it carries, else with the first one."""
    if series.role == "source" or not sources:
        return series.field
    return next((name for name in sources if name in series.field or series.field in name), sources[0])


def _draw(every: Iterable[_Series]) -> alt.VConcatChart:
    everything = list(every)
    if not everything:
        raise UsageError(
            "there is nothing to draw", mend="A picture needs a time column and at least one column of numbers."
        )
    sources = list(dict.fromkeys(s.field for s in everything if s.role == "source"))
    panels: dict[str, list[_Series]] = {}
    for series in everything:
        panels.setdefault(_panel_of(series, sources), []).append(series)
    chosen = dict(list(panels.items())[:_PANELS])
    drawn = [series for part in chosen.values() for series in part[:_SERIES]]
    most = max(_BYTES // (90 + max(len(_label(series)) for series in drawn)) // len(drawn), 8)
    charts = [_panel(name, part, most) for name, part in chosen.items()]
    left = [name for name in panels if name not in chosen]
    notes = [f"not drawn: {count(len(left), 'more field')} ({visible(', '.join(left), 100)})"] if left else []
    title = alt.TitleParams(notes[0], anchor="start", fontSize=11, fontWeight="normal") if notes else alt.Undefined
    names = ", ".join(dict.fromkeys(visible(series.name, 60) for series in drawn))
    chart: alt.VConcatChart = alt.vconcat(*charts, title=title, description=f"{names[:300]} over time")
    return chart.resolve_scale(color="independent", x="shared").configure_view(stroke=None)  # type: ignore[no-any-return]


def _label(series: _Series) -> str:
    return f"{series.role}: {visible(series.name, 60)}"


def _panel(name: str, series: list[_Series], most: int) -> Any:
    drawn = series[:_SERIES]
    parts: list[pd.DataFrame] = []
    for each in drawn:
        own = _gaps([each])["from"][: most // 4]
        thin = _thin(each, most - len(own))
        times = np.concatenate([thin.times / 1e6, own + 1e-3])  # a point without value ends the line at a gap
        values = np.concatenate([thin.values, np.full(len(own), np.nan)])
        part = pd.DataFrame({"time": times, "value": values}).sort_values("time")
        parts.append(part.assign(series=_label(each), role=each.role))
    points = pd.concat(parts)
    gaps = _gaps([s for s in drawn if s.role == "source"] or drawn)
    rest = f" ({len(series) - len(drawn)} more series not drawn)" if len(series) > len(drawn) else ""
    scale = alt.Scale(type="utc")
    hours = {"minutes": "%H:%M", "hours": "%H:%M"}  # by itself Vega writes 00:05 as 12:05
    axis = alt.Axis(tickCount=6, labelOverlap="greedy", labelSeparation=8, format=hours)
    ends = alt.Scale(domain=["written", "source"], range=[2.5, 1])
    line = (
        alt.Chart(points)
        .mark_line(aria=False, point=alt.OverlayMarkDef(size=18, aria=False) if len(points) <= 200 else False)
        .encode(
            x=alt.X("time:T", title=None, scale=scale, axis=axis),
            y=alt.Y("value:Q", title=visible(name, 60) + rest, scale=alt.Scale(zero=False)),
            color=alt.Color("series:N", title=None, legend=alt.Legend(orient="right", labelLimit=320)),
            strokeWidth=alt.StrokeWidth("role:O", legend=None, scale=ends),
        )
    )
    shade = (
        alt.Chart(gaps)
        .mark_rect(opacity=0.13, color="#808080", aria=False)
        .encode(x=alt.X("from:T", scale=scale), x2="to:T")
    )
    return alt.layer(*([shade] if len(gaps) else []), line).properties(width=520, height=180)
