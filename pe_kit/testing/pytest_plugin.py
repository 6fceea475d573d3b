"""The registered pytest plugin: ``influxdb3_local``, ``engine``, ``line_builder``, and what finds recorded fixtures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from pe_kit.fixtures.pytest_plugin import (
    pytest_addoption,
    pytest_collect_directory,
    pytest_collect_file,
    pytest_configure,
)

if TYPE_CHECKING:
    from pe_kit.engine.engine import Engine
    from pe_kit.lineprotocol.builder import LineBuilder
    from pe_kit.testing.api import LocalApi

__all__ = [
    "engine",
    "influxdb3_local",
    "line_builder",
    "pytest_addoption",
    "pytest_collect_directory",
    "pytest_collect_file",
    "pytest_configure",
]


@pytest.fixture
def engine() -> Iterator[Engine]:
    """An engine that begins at 2026-01-01T00:00:00Z, closed after the test."""
    from pe_kit.engine.engine import Engine
    from pe_kit.testing.api import START

    with Engine(start=START) as made:
        yield made


@pytest.fixture
def influxdb3_local() -> Iterator[LocalApi]:
    """A :class:`pe_kit.testing.LocalApi` on an empty database ``db``, without arguments, at 2026-01-01T00:00:00Z."""
    from pe_kit.testing.api import LocalApi

    made = LocalApi()
    yield made
    made.engine.close()


@pytest.fixture
def line_builder() -> type[LineBuilder]:
    """The class that plugins know as ``LineBuilder``; while the test runs it is a builtin, as on the server."""
    from pe_kit.lineprotocol.builder import LineBuilder

    return LineBuilder
