"""InfluxDB's own SQL functions, rewritten to plain DataFusion SQL."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pe_kit.store.functions.rewriter import Handler
    from pe_kit.store.sql import Planner

__all__ = ["mentions", "rewrite"]

_NAMES = re.compile(
    r"\b(?:tz|to_timestamp|date_bin_(?:wallclock_)?gapfill|date_bin_wallclock|locf|interpolate"
    r"|selector_(?:first|last|min|max)|(?:non_negative_)?(?:difference|derivative)|influx_regex_(?:not_)?match)\b",
    re.IGNORECASE,
)


def mentions(sql: str) -> bool:
    """Say whether a statement may call one of the functions; if not, it needs no rewriting."""
    return _NAMES.search(sql) is not None


def rewrite(sql: str, planner: Planner) -> str:
    """Give the statement in plain DataFusion SQL.

    Raises:
        QueryError: with the server's text for a wrong use of a function.
    """
    from pe_kit.store.functions.rewriter import Rewriter

    return Rewriter(sql, planner, _handlers()).rewrite()


def _handlers() -> dict[str, Handler]:
    from pe_kit.store.functions.gapfill import FILLS, GAPFILLS, fill_function, gapfill_bin
    from pe_kit.store.functions.scalars import influx_regex, to_timestamp, tz
    from pe_kit.store.functions.selectors import SELECTORS, selector
    from pe_kit.store.functions.wallclock import date_bin_wallclock
    from pe_kit.store.functions.windows import window_function

    return {
        "tz": tz,
        "to_timestamp": to_timestamp,
        "influx_regex_match": influx_regex,
        "influx_regex_not_match": influx_regex,
        "date_bin_wallclock": date_bin_wallclock,
        **dict.fromkeys(SELECTORS, selector),
        **dict.fromkeys(GAPFILLS, gapfill_bin),
        **dict.fromkeys(FILLS, fill_function),
        **dict.fromkeys(
            ("difference", "derivative", "non_negative_difference", "non_negative_derivative"), window_function
        ),
    }
