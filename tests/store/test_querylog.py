"""The log behind ``system.queries`` (core/iox_query/src/query_log.rs)."""

from __future__ import annotations

import pytest

from pe_kit.errors import QueryError
from pe_kit.store.querylog import QueryLog

SECOND = 1_000_000_000


class Clock:
    ns = 100 * SECOND

    def __call__(self) -> int:
        return self.ns


def test_a_query_is_running_with_a_permit_and_then_a_success_on_the_engines_clock():
    now = Clock()
    log = QueryLog(now)
    with log.query("SELECT 1"):
        (running,) = log.entries()
        now.ns += 2 * SECOND
    (done,) = log.entries()
    assert (running.phase, running.running, running.success, running.end2end_duration) == ("permit", True, False, None)
    assert (done.phase, done.running, done.success, done.cancelled) == ("success", False, True, False)
    assert (done.issue_time, done.execute_duration, done.end2end_duration) == (100 * SECOND, 2 * SECOND, 2 * SECOND)
    assert (done.query_type, done.query_text) == ("sql", "SELECT 1")


@pytest.mark.parametrize(
    ("stage", "permit", "execute"), [("planning", None, None), ("database", None, None), ("streaming", 0, 0)]
)
def test_a_failed_query_shows_how_far_it_came(stage, permit, execute):
    log = QueryLog(Clock())
    with pytest.raises(QueryError), log.query("SELEC"):
        raise QueryError("no", stage=stage)
    (entry,) = log.entries()
    assert (entry.phase, entry.success, entry.plan_duration) == ("fail", False, 0)
    assert (entry.permit_duration, entry.execute_duration, entry.end2end_duration) == (permit, execute, 0)


def test_an_interrupted_query_is_cancelled():
    log = QueryLog(Clock())
    with pytest.raises(KeyboardInterrupt), log.query("SELECT 1"):
        raise KeyboardInterrupt
    (entry,) = log.entries()
    assert (entry.phase, entry.cancelled, entry.execute_duration) == ("cancel", True, None)


def test_the_log_is_bounded_and_the_oldest_go_first():
    log = QueryLog(Clock())
    with log.query("outer"):
        for number in range(1001):
            with log.query(str(number)):
                pass
    texts = [entry.query_text for entry in log.entries()]
    assert (len(texts), texts[0], texts[-1]) == (1001, "0", "1000")
    assert len({entry.id for entry in log.entries()}) == 1001
    log.clear()
    assert log.entries() == []
