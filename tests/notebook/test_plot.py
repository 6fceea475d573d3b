"""Pictures: what is drawn, how gaps are found, and that they need no network."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pe_kit import Engine
from pe_kit.errors import UsageError
from pe_kit.notebook.chart import alt, chart_bundle
from pe_kit.notebook.plot import plot, plot_outcome

T0 = 1_767_225_600_000_000_000
HOUR = 3_600_000_000_000
SMOOTH = """\
def process_writes(influxdb3_local, table_batches, args=None):
    for batch in table_batches:
        if batch["table_name"] == "temps":
            for row in batch["rows"]:
                line = LineBuilder("smooth").tag("city", row["city"]).float64_field("temp_mean", row["temp"] / 2)
                influxdb3_local.write(line.time_ns(row["time"]))
"""


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine(start="2026-01-01") as engine:
        yield engine


def points(chart: alt.VConcatChart) -> pd.DataFrame:
    """Give the points of all lines of a picture."""
    spec = chart.to_dict()
    rows: list[dict[str, Any]] = []
    for panel in spec["vconcat"]:
        for layer in panel["layer"]:
            if layer["mark"]["type"] == "line":
                rows += spec["datasets"][(layer.get("data") or panel.get("data") or spec["data"])["name"]]
    return pd.DataFrame(rows)


def shaded(chart: alt.VConcatChart) -> list[tuple[float, float]]:
    """Give the shaded stretches of the first panel, in milliseconds."""
    spec = chart.to_dict()
    layers = [layer for layer in spec["vconcat"][0]["layer"] if layer["mark"]["type"] == "rect"]
    return [(row["from"], row["to"]) for layer in layers for row in spec["datasets"][layer["data"]["name"]]]


def lines(hours: Any, table: str = "temps", field: str = "temp") -> list[str]:
    return [f"{table},city=Oslo {field}={h % 7}.5 {T0 + h * HOUR}" for h in hours]


def test_an_outcome_shows_what_was_written_against_its_source(engine: Engine) -> None:
    engine.write_plugin("smooth.py", SMOOTH)
    engine.create_database("weather")
    engine.create_trigger("smooth", db="weather", path="smooth.py", spec="all_tables")
    chart = engine.write(lines(range(10)), "weather").plot()
    drawn = points(chart)
    assert set(drawn["series"]) == {"source: temps.temp city=Oslo", "written: smooth.temp_mean city=Oslo"}
    assert len(chart.to_dict()["vconcat"]) == 1
    assert drawn.groupby("role").size().to_dict() == {"source": 10, "written": 10}


def test_gaps_are_shaded_and_end_the_line(engine: Engine) -> None:
    engine.load(lines([*range(20), *range(40, 60)]), "weather")
    chart = plot(engine, "temps")
    assert shaded(chart) == [((T0 + 19 * HOUR) / 1e6, (T0 + 40 * HOUR) / 1e6)]
    assert points(chart)["value"].isna().sum() == 1


def test_a_slower_pace_is_no_gap(engine: Engine) -> None:
    engine.load(lines([*range(30), *range(30, 200, 5)]), "weather")
    assert len(shaded(plot(engine, "temps"))) <= 1


def test_sql_frames_and_runs_can_be_drawn(engine: Engine) -> None:
    engine.load(lines(range(10)), "weather")
    sql = "SELECT date_bin(INTERVAL '5 hours', time) AS at, avg(temp) AS mean FROM temps GROUP BY 1 ORDER BY 1"
    assert points(plot(engine, sql))["series"].unique().tolist() == ["source: query.mean"]
    assert len(points(plot(engine, engine.query("SELECT * FROM temps", "weather")))) == 10


def test_the_database_is_found_or_asked_for(engine: Engine) -> None:
    engine.load(lines(range(3)), "weather")
    engine.load(lines(range(3)) + lines(range(3), "only"), "power")
    assert len(points(plot(engine, "only"))) == 3
    assert len(points(plot(engine, "temps", "power"))) == 3
    with pytest.raises(UsageError, match="several databases have a table 'temps': weather, power"):
        plot(engine, "temps")
    with pytest.raises(UsageError, match="Did you mean 'only'"):
        plot(engine, "onli")
    with pytest.raises(UsageError, match="needs its database"):
        plot(engine, "SELECT 1")


def test_what_cannot_be_drawn_is_said(engine: Engine) -> None:
    with pytest.raises(UsageError, match="nothing to draw"):
        plot_outcome(engine.advance("1s"))
    with pytest.raises(UsageError, match="cannot draw a int"):
        plot(engine, 3)
    with pytest.raises(UsageError, match="nothing to draw"):
        plot(engine, pd.DataFrame({"time": pd.to_datetime([]), "v": []}))


@pytest.mark.slow
def test_a_million_points_and_many_series_stay_small_and_keep_their_spikes(engine: Engine) -> None:
    size = 1_000_000
    frame = pd.DataFrame({"time": pd.date_range("2026-01-01", periods=size, freq="1s"), "v": np.zeros(size)})
    frame.loc[654_321, "v"] = 99.0
    chart = plot(engine, frame)
    assert points(chart)["value"].max() == 99.0
    frame = frame[600_000:700_000].copy()
    frame["city"] = np.arange(len(frame)) % 40
    frame["city"] = frame["city"].astype(str) + "x" * 1000
    for name in "abcdefg":
        frame[name] = frame["v"]
    for picture in (chart, plot(engine, frame)):
        assert sum(len(json.dumps(form)) for form in chart_bundle(picture).values()) < 200_000
    spec = plot(engine, frame).to_dict()
    assert "more fields" in spec["title"]["text"]
    assert "28 more series not drawn" in json.dumps(spec)


def test_values_that_are_no_numbers_are_left_out(engine: Engine) -> None:
    times = pd.to_datetime(["2026-01-01", "2026-01-02", "NaT", "2026-01-03"])
    frame = pd.DataFrame(
        {"time": times, "v": [1.0, np.nan, 3.0, np.inf], "ok": [True] * 4, "n": pd.array([1, None, 2, 3], "Int64")}
    )
    drawn = points(plot(engine, frame))
    assert drawn[["series", "value"]].values.tolist() == [
        ["source: query.v", 1.0],
        ["source: query.n", 1.0],
        ["source: query.n", 3.0],
    ]
