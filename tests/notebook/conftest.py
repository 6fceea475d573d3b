"""Records made by hand, and a real IPython."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pe_kit.engine.outcome import Outcome, Run, Runs
from pe_kit.engine.records import Event, LogRow, Written

T0 = 1_767_225_600_000_000_000  # 2026-01-01


@pytest.fixture
def event() -> Event:
    return Event(1, "write", T0, "weather", {"db": "weather"})


@pytest.fixture
def make_run(event: Event) -> Callable[..., Run]:
    def make(number: int, trigger: str = "alerts", **given: Any) -> Run:
        logs = [LogRow(T0, "weather", trigger, *row) for row in given.pop("logs", ())]
        lines = [Written("weather", line, T0, False) for line in given.pop("lines", ())]
        filled: dict[str, Any] = {"kind": "wal", "tables": (("temps", 3),), "duration": 0.00042} | given
        return Run(
            id=number,
            trigger=trigger,
            database="weather",
            plugin=f"{trigger}.py",
            event=event,
            started_ns=T0,
            ended_ns=T0,
            log_rows=tuple(logs),
            written=tuple(lines),
            **filled,
        )

    return make


@pytest.fixture
def make_outcome(event: Event) -> Callable[..., Outcome]:
    def make(*runs: Run, **given: Any) -> Outcome:
        error = next((run.error for run in runs if run.error is not None), None)
        refused = sum(len(run.rejected) for run in runs)
        filled: dict[str, Any] = {"started_ns": T0, "ended_ns": T0, "first_error": error, "rejections": refused}
        return Outcome(runs=Runs(runs), **(filled | {"event": event} | given))

    return make


@pytest.fixture(scope="session")
def ipython() -> Iterator[Any]:
    """One IPython for all tests: it is a singleton by nature."""
    import altair  # noqa: F401
    import datafusion  # noqa: F401
    import ipywidgets  # noqa: F401
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    config = Config()
    config.HistoryManager.enabled = False
    InteractiveShell.clear_instance()
    main = sys.modules["__main__"]
    made = InteractiveShell.instance(config=config)
    sys.modules["__main__"] = main  # IPython puts its own there; once it is reset no process can be spawned from it
    gc.freeze()  # each reset collects garbage: not among all that was imported
    yield made
    gc.unfreeze()
    InteractiveShell.clear_instance()


@pytest.fixture
def shell(ipython: Any) -> Iterator[Any]:
    """IPython with the extension loaded and a fresh Engine that starts in 2026."""
    from pe_kit import Engine
    from pe_kit.notebook.extension import load

    ipython.user_ns["engine"] = Engine(start="2026-01-01")
    load(ipython)
    yield ipython
    ipython.user_ns.pop("engine").close()
    ipython.reset(new_session=True)
