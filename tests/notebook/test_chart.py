"""Charts in a notebook: inline, in the ink of the theme, without a network, and soon there."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest

from pe_kit import Engine
from pe_kit.notebook.chart import alt, chart_bundle

T0 = 1_767_225_600_000_000_000
IMPORTED = """
import sys
from pe_kit import Engine
with Engine(start=0) as engine:
    engine.backtest('m f=1 1', 'db', progress=False).plot()
import jsonschema
assert not any(name.startswith("rfc3987_syntax") for name in sys.modules), "the grammar was built"
checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
print(*(checker.conforms(text, "iri") for text in ("http://exämple.org/", "no iri")))
"""


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine(start="2026-01-01") as engine:
        yield engine


def test_altair_is_imported_without_a_grammar_that_only_other_schemas_ask_for() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORTED], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("True False\n", "")


@pytest.mark.slow
def test_a_picture_is_inline_svg_in_the_ink_of_the_theme(engine: Engine) -> None:
    engine.load(
        [*(f"temps,city=Rome temp={i} {T0 + i}" for i in range(10)), "temps,city=<script>alert(1)</script> temp=1 1"],
        "weather",
    )
    bundle = chart_bundle(engine.plot("temps"))
    html = bundle["text/html"]
    assert set(bundle) == {"text/html", "text/plain"}
    assert "<script" not in html
    assert "http" not in re.sub(r'xmlns(:xlink)?="http://www.w3.org/[^"]*"', "", html)
    assert 'fill="var(--jp-ui-font-color1, #000)"' in html
    assert 'role="img" aria-label="temps.temp city=' in html


def test_the_hours_of_a_day_are_24(engine: Engine) -> None:
    """Five past midnight is 00:05: Vega's own form of it is 12:05."""
    engine.write([f"room temp={minute} {T0 + minute * 60_000_000_000}" for minute in range(20)], "home", precision="ns")
    labels = re.findall(r">(\d\d:\d\d)</text>", chart_bundle(engine.plot("room"))["text/html"])
    assert labels
    assert all(label.startswith("00:") for label in labels)


def test_ids_of_two_pictures_differ() -> None:
    def ids(values: list[int]) -> set[str]:
        data = pd.DataFrame({"x": range(3), "y": values})
        html = chart_bundle(alt.Chart(data).mark_line(clip=True).encode(x="x", y="y"))["text/html"]
        found = set(re.findall(r' id="([^"]*)"', html))
        assert found == set(re.findall(r"url\(#([^)]*)\)", html))
        return {name.rpartition("-")[0] for name in found}

    first, second = ids([1, 2, 3]), ids([1, 2, 4])
    assert len(first) == len(second) == 1
    assert first != second
    assert "" not in first | second


def test_a_chart_with_a_selection_keeps_it() -> None:
    data = pd.DataFrame({"x": range(3), "y": range(3)})
    bundle = chart_bundle(alt.Chart(data).mark_point().encode(x="x", y="y").interactive())
    assert set(bundle) == {"text/plain", "image/svg+xml", "application/vnd.vegalite.v5+json"}


def test_altair_charts_show_in_the_notebook_without_a_network(shell: Any) -> None:
    data = pd.DataFrame({"x": range(3), "y": range(3)})
    chart = alt.Chart(data).mark_line().encode(x="x", y="y")
    shown, _ = shell.display_formatter.format(chart | chart)
    assert "<svg" in shown["text/html"]
    with alt.renderers.enable("json"):
        shown, _ = shell.display_formatter.format(chart)
        assert "application/json" in shown
