"""Altair charts that need no network: how they are imported without waiting, and how a notebook shows them."""

from __future__ import annotations

import re
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from html import escape
from importlib import import_module
from types import ModuleType
from typing import Any

__all__ = ["alt", "chart_bundle", "warm_up"]

_INK = {
    "white": "--jp-layout-color0",
    "#000": "--jp-ui-font-color1",
    "#888": "--jp-ui-font-color2",
    "#ddd": "--jp-border-color2",
}
"""Vega's colours of paper, text, axes and grid, and what stands for them in JupyterLab's themes."""


@contextmanager
def _grammar_of_urls_left_for_later() -> Iterator[None]:
    """Let jsonschema, which Altair imports, find a stand-in for ``rfc3987_syntax``.

    That package builds a grammar of international URLs as it is imported, which takes five times as long as all of
    Altair; no chart asks for it. Where some schema does, the stand-in calls the real one.
    """
    name = "rfc3987_syntax"
    if name in sys.modules:
        yield
        return
    sys.modules[name] = stand_in = ModuleType(name)
    stand_in.is_valid_syntax = lambda *asked: import_module(name).is_valid_syntax(*asked)  # type: ignore[attr-defined]
    try:
        yield
    finally:
        del sys.modules[name]


with _grammar_of_urls_left_for_later():
    import altair as alt


def chart_bundle(chart: alt.TopLevelMixin) -> dict[str, Any]:
    """Give a chart in the forms that a notebook can show without a network.

    A chart is inline SVG whose ink follows the page's theme, in JupyterLab and in HTML exports alike. One with
    parameters (sliders, selections) needs a script: JupyterLab gets it as Vega-Lite 5, which its built-in renderer
    speaks (Altair's own default would fetch version 6 from a CDN), and exports get the SVG.
    """
    import vl_convert

    spec = chart.to_dict()
    svg: str = vl_convert.vegalite_to_svg(spec)
    label = escape(str(spec.get("description", "chart")))
    svg = svg.replace("<svg ", f'<svg role="img" aria-label="{label}" style="overflow: visible" ', 1)
    svg = re.sub(r'( id="|url\(#)', rf"\1pe{zlib.crc32(svg.encode()):x}-", svg)  # ids are the whole page's
    for colour, variable in _INK.items():
        for use in ("fill", "stroke"):
            svg = svg.replace(f'{use}="{colour}"', f'{use}="var({variable}, {colour})"')
    bundle: dict[str, Any] = {"text/plain": f"<{type(chart).__name__}>"}
    if "params" not in spec:
        return bundle | {"text/html": f'<div style="overflow: auto">{svg}</div>'}
    schema = "https://vega.github.io/schema/vega-lite/v5.json"
    return bundle | {"application/vnd.vegalite.v5+json": spec | {"$schema": schema}, "image/svg+xml": svg}


@cache
def warm_up() -> None:
    """Start what draws, which takes half a second, before somebody waits for the first chart."""
    chart_bundle(alt.Chart({"values": [{"x": 0}]}).mark_line().encode(x="x:T", y="x:Q"))
