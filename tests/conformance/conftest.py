"""One engine in virtual time with a database ``db``, and a short way to add a plugin with its trigger."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pe_kit import Engine

SIGNATURES = {
    "every": "def process_scheduled_call(influxdb3_local, call_time, args=None):",
    "cron": "def process_scheduled_call(influxdb3_local, call_time, args=None):",
    "request": "def process_request(influxdb3_local, query_parameters, request_headers, request_body, args=None):",
}


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine(start="2026-01-01T00:00:00Z") as made:
        made.create_database("db")
        yield made


@pytest.fixture
def plug(engine: Engine) -> Callable[..., None]:
    def add(body: str, spec: str, name: str = "t", db: str = "db", **options: Any) -> None:
        """Add a plugin whose function has this body; the signature follows from the specification."""
        kind = spec.partition(":")[0]
        head = SIGNATURES.get(kind, "def process_writes(influxdb3_local, table_batches, args=None):")
        lines = "\n".join("    " + line for line in body.splitlines())
        engine.write_plugin(f"{name}.py", f"{head}\n{lines}\n")
        engine.create_trigger(name, db=db, path=f"{name}.py", spec=spec, **options)

    return add


@pytest.fixture
def answer(engine: Engine, plug: Callable[..., None]) -> Callable[..., Any]:
    """Run a body as a request plugin's and give what it returns as JSON."""
    names = iter(f"ask{n}" for n in range(100))

    def ask(body: str, **request: Any) -> Any:
        name = next(names)
        plug(body, f"request:{name}", name=name)
        return engine.request(name, **request).raise_for_error().response.json()

    return ask
