"""The pytest plugin that the package registers."""

from __future__ import annotations

from pe_kit.testing.plugin import engine, influxdb3_local, line_builder

__all__ = ["engine", "influxdb3_local", "line_builder"]
