"""The exhaustive single-fault sweep: a scenario once for every site it passes and every fault that site can have."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pe_kit.backtest.progress import progress_line, remaining
from pe_kit.engine.checkpoint import Checkpoint
from pe_kit.engine.difference import Difference, diff_states
from pe_kit.engine.faults import FAULTS, Faults, Pass
from pe_kit.engine.outcome import describe_error
from pe_kit.errors import ClockError

if TYPE_CHECKING:
    import pandas as pd

    from pe_kit.engine.engine import Engine

__all__ = ["sweep_faults"]


@dataclass(frozen=True, slots=True)
class _Result:
    engine: Engine
    lines: Counter[tuple[str, str]]
    errors: tuple[str, ...]
    failure: str


def sweep_faults(
    engine: Engine, scenario: Callable[[Engine], Any], progress: Callable[[int, int], None] | bool = True
) -> pd.DataFrame:
    """Run a scenario once as it is, then once for each site and fault.

    Args:
        engine: every run starts from a copy of it as it is now.
        scenario: a function of one Engine; it must do the same each time.
        progress: True shows a line; a function is called with (runs done, runs to do).

    Returns:
        One row a run: site, nth (which pass of the site), trigger, detail, fault, verdict (``survived``, ``lost data``,
        ``wrote twice``, ``raised``, ``disabled itself``), difference (the first one from the clean run).

    Raises:
        ClockError: the clock is the wall clock. Exception: what the scenario raises without any fault.
    """
    import pandas as pd

    if not engine.is_virtual:
        raise ClockError("a wall-clock engine cannot be copied to sweep it", mend="Use Engine(clock='virtual').")
    trace: list[Pass] = []
    start = Checkpoint.of(engine, engine._history.count)
    clean = _run(engine, start, scenario, None, trace)
    cases = list(_cases(trace))
    rows, began = [], time.perf_counter()
    with closing(clean.engine), progress_line() as line:
        for done, (moment, nth, fault) in enumerate(cases, 1):
            result = _run(engine, start, scenario, (moment.site, fault, nth), None)
            difference = diff_states(clean.engine, result.engine)
            verdict = _verdict(clean, result, difference)
            rows.append([*moment[:1], nth, *moment[1:], fault, verdict, _first(difference, result)])
            result.engine.close()
            if callable(progress):
                progress(done, len(cases))
            elif progress:
                took = time.perf_counter() - began
                line.show(took, f"{done} of {len(cases)} runs{remaining(done / len(cases), took)}")
    return pd.DataFrame(rows, columns=["site", "nth", "trigger", "detail", "fault", "verdict", "difference"])


def _cases(trace: list[Pass]) -> Iterator[tuple[Pass, int, str]]:
    passes: Counter[tuple[str, str]] = Counter()
    for moment in trace:
        for fault in filter(moment.can, FAULTS[moment.site]):
            passes[moment.site, fault] += 1
            yield moment, passes[moment.site, fault], fault


def _run(
    engine: Engine,
    start: Checkpoint,
    scenario: Callable[[Engine], Any],
    case: tuple[str, str, int] | None,
    trace: list[Pass] | None,
) -> _Result:
    twin = start.revive(engine)
    first = len(twin.runs)
    runtime = twin._runtime
    runtime.set_faults(Faults(trace=trace))
    if case is not None:
        site, fault, nth = case
        twin.inject(site, fault, when={"nth": nth})
    failure = ""
    try:
        scenario(twin)
    except Exception as error:
        if case is None:  # nothing was made to fail
            twin.close()
            raise
        failure = f"the scenario raised {describe_error(error)}"
    runs = list(twin.runs)[first:]
    lines = Counter((w.database, w.line) for run in runs for w in run.written)
    errors = tuple(describe_error(r.error) or "" for r in runs if r.error is not None)
    return _Result(twin, lines, errors, failure)


def _verdict(clean: _Result, result: _Result, difference: Difference) -> str:
    stopped = [t for t in result.engine._runtime.triggers if not t.running]
    was = {t.key for t in clean.engine._runtime.triggers if not t.running}
    if any(t.key not in was for t in stopped):
        return "disabled itself"
    changes = set(difference.tables.change)
    if clean.lines - result.lines and "removed" in changes:
        return "lost data"
    if len(result.errors) > len(clean.errors) or result.failure:
        return "raised"
    if (result.lines - clean.lines and "added" in changes) or _twice(clean, result):
        return "wrote twice"
    return "lost data" if "removed" in changes else "survived"


def _twice(clean: _Result, result: _Result) -> bool:
    """The same line more often than in the clean run."""
    return any(n > clean.lines[line] > 0 for line, n in result.lines.items())


def _first(difference: Difference, result: _Result) -> str:
    """The first difference in a sentence: tables first, then cache and log."""
    if result.failure:
        return result.failure
    for name in ("tables", "cache", "logs"):
        frame = getattr(difference, name)
        if len(frame):
            row = frame.iloc[0]
            where = " ".join(str(row[c]) for c in frame.columns if c not in ("change", "before", "after"))
            return f"{name}: {row['change']} {where}: {row['before']!s:.80} -> {row['after']!s:.80}"
    return result.errors[0] if result.errors else ""
