"""A served engine and a client for it, under the wall clock or in virtual time."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from pe_kit import Engine


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine(start="2026-01-01T00:00:00Z") as made:
        yield made


@pytest.fixture
def client(engine: Engine) -> Iterator[httpx.Client]:
    """A client of the engine in virtual time."""
    with httpx.Client(base_url=engine.serve(port=0).url) as made:
        yield made


@pytest.fixture
def real(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """An engine under the wall clock that flushes often."""
    with Engine(clock="wall", wal_flush_interval="20ms") as made:
        yield made
