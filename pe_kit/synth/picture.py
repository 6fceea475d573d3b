"""Small pictures of made-up data: one SVG, a line or dots, no library and no network."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Picture"]

_WIDTH, _HEIGHT, _EDGE = 360, 80, 6
_COLOURS = {"as meant": "#2563eb", "late": "#d97706", "twice": "#7c3aed", "flipped": "#dc2626"}


class Picture(NamedTuple):
    """A drawing. A notebook shows it; ``.svg`` is its text, to be written to a file."""

    svg: str

    def _repr_html_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return f"<Picture {len(self.svg)} characters of SVG>"

    @classmethod
    def line(cls, times: Any, values: Any, title: str = "") -> Picture:
        """Draw ``values`` over ``times`` as one line."""
        x, y = _fit(times, _EDGE, _WIDTH - _EDGE), _fit(values, _HEIGHT - _EDGE, _EDGE)
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True) if a == a and b == b)
        return cls(_svg(f'<polyline fill="none" stroke="{_COLOURS["as meant"]}" points="{points}"/>', title))

    @classmethod
    def dots(cls, times: Any, values: Any, ends: Any, marks: Mapping[str, Any], title: str = "") -> Picture:
        """Draw ``values`` over ``times`` as dots, each with a thin line to its end (the arrival).

        ``marks``: ``late``, ``twice`` or ``flipped`` -> mask of the dots drawn in that colour; the last one counts.
        """
        both = _fit(np.concatenate([times, ends]), _EDGE, _WIDTH - _EDGE)
        x, end = both[: len(times)], both[len(times) :]
        y = _fit(values, _HEIGHT - _EDGE, _EDGE)
        kinds = np.full(len(x), "as meant", dtype=object)
        for kind, mask in marks.items():
            kinds[mask] = kind
        body = ""
        for kind, colour in _COLOURS.items():
            chosen = [(a, b, c) for a, b, c, k in zip(x, y, end, kinds, strict=True) if k == kind and b == b]
            lines = "".join(f"M{a:.1f},{b:.1f}H{c:.1f}" for a, b, c in chosen if abs(a - c) >= 0.05)
            spots = "".join(f"M{a:.1f},{b:.1f}h0" for a, b, _ in chosen)
            if lines:
                body += f'<path stroke="{colour}" stroke-opacity=".5" stroke-width=".7" d="{lines}"/>'
            if spots:
                pen = f'stroke="{colour}" stroke-width="3" stroke-linecap="round"'
                body += f'<path {pen} d="{spots}"><title>{kind}</title></path>'
        return cls(_svg(body, title))


def _svg(body: str, title: str) -> str:
    size = f'width="{_WIDTH}" height="{_HEIGHT}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img"><title>{escape(title)}</title>{body}</svg>'


def _fit(values: Any, low: float, high: float) -> Any:
    """Scale so that the numbers fill the room from ``low`` to ``high``; flat ones lie in the middle, NaN stays."""
    numbers = np.asarray(values, dtype="float64")
    seen = numbers[np.isfinite(numbers)]
    if not len(seen) or seen.max() == seen.min():
        return np.where(np.isfinite(numbers), (low + high) / 2, np.nan)
    return low + (numbers - seen.min()) / (seen.max() - seen.min()) * (high - low)
