"""What triggers are made of (influxdb3_types/src/http.rs)."""

from __future__ import annotations

import pytest

from pe_kit import Engine
from pe_kit.errors import UsageError


@pytest.mark.parametrize("behavior", ["Log", "RETRY", "off", ""])
def test_error_behavior_is_lower_case_only(engine: Engine, behavior: str):
    engine.write_plugin("p.py", "def process_writes(a, b, c): pass")
    with pytest.raises(UsageError, match="'log', 'retry' and 'disable'"):
        engine.create_trigger("t", db="db", path="p.py", spec="all_tables", error_behavior=behavior)
    assert engine.triggers.empty
