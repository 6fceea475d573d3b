"""One engine at a fixed time, and a short way to add a plugin with its trigger."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pe_kit import Engine


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine(start="2026-01-01T00:00:00Z") as made:
        made.create_database("db")
        yield made


@pytest.fixture
def plug(engine: Engine) -> Callable[..., None]:
    def add(source: str, spec: str, name: str = "t", path: str | None = None, db: str = "db", **options: Any) -> None:
        filename = path or f"{name}.py"
        engine.write_plugin(filename, source)
        engine.create_trigger(name, db=db, path=filename, spec=spec, **options)

    return add
