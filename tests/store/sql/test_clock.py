"""SQL reads the engine's clock, once a query."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest


def test_now_is_the_engines_time(cpu: Any) -> None:
    assert cpu.rows("select now(), current_timestamp, NOW() as again") == [(cpu.now_ns,) * 3]
    cpu.now_ns += 1
    assert cpu.rows("select now()") == [(cpu.now_ns,)]


def test_date_and_time_of_day_follow_it(cpu: Any) -> None:
    cpu.now_ns = 1_767_225_600_000_000_000 + 3_723_000_000_000
    assert cpu.rows("select current_date, current_date() as again, current_time") == [
        (dt.date(2026, 1, 1), dt.date(2026, 1, 1), dt.time(1, 2, 3))
    ]


def test_it_is_one_moment_for_all_rows(cpu: Any) -> None:
    assert len({now for (now,) in cpu.rows("select now() from cpu")}) == 1


@pytest.mark.parametrize(("ago", "found"), [("1 second", 0), ("7 years", 3)])
def test_conditions_on_now(cpu: Any, ago: str, found: int) -> None:
    assert len(cpu.rows(f"select * from cpu where time > now() - interval '{ago}'")) == found


def test_the_columns_are_named_as_on_the_server(cpu: Any) -> None:
    assert cpu.arrow("select now(), current_timestamp, current_date").column_names == [
        "now()", "current_timestamp()", "current_date()",
    ]  # fmt: skip
