"""The pytest plugin that the package registers: fixtures to ask for, recorded fixtures to be replayed."""

from __future__ import annotations

from pe_kit.fixtures.pytest_plugin import (
    pytest_addoption,
    pytest_collect_directory,
    pytest_collect_file,
    pytest_configure,
)
from pe_kit.testing.plugin import engine, influxdb3_local, line_builder

__all__ = [
    "engine",
    "influxdb3_local",
    "line_builder",
    "pytest_addoption",
    "pytest_collect_directory",
    "pytest_collect_file",
    "pytest_configure",
]
