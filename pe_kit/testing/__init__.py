"""What plugin tests need: a double of ``influxdb3_local`` with a real engine behind it, and hypothesis strategies.

The strategies need hypothesis, which is looked for only when one is used. Importing this makes ``LineBuilder`` a
builtin, as the server does before it loads a plugin: a test module may import the plugin right after.
"""

from __future__ import annotations

import builtins

from pe_kit.lineprotocol.builder import LineBuilder
from pe_kit.testing.api import LocalApi
from pe_kit.testing.strategies import (
    TableSchema,
    line_protocol,
    never_raises,
    requests,
    table_batches,
    trigger_specs,
)

__all__ = ["LocalApi", "TableSchema", "line_protocol", "never_raises", "requests", "table_batches", "trigger_specs"]

builtins.LineBuilder = LineBuilder  # type: ignore[attr-defined]
