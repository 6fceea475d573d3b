"""What plugin tests need: a double of ``influxdb3_local`` with a real engine behind it, and hypothesis strategies.

The strategies need hypothesis, which is looked for only when one is used.
"""

from __future__ import annotations

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
