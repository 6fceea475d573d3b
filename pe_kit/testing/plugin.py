"""pytest fixtures: ``influxdb3_local``, ``engine``, ``line_builder``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pe_kit.engine.engine import Engine
    from pe_kit.lineprotocol.builder import LineBuilder
    from pe_kit.testing.api import LocalApi

__all__ = ["engine", "influxdb3_local", "line_builder"]


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
