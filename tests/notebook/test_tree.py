"""The tree of causes, and what is folded in it."""

from __future__ import annotations

from collections.abc import Callable

from pe_kit.engine.outcome import Run
from pe_kit.notebook.tree import Branch, Folded, causes, fold, ran_on

MakeRun = Callable[..., Run]


def test_what_a_run_fired_stands_below_it(make_run: MakeRun) -> None:
    top = make_run(1)
    below = [make_run(n, "notify", caused_by=top, depth=1) for n in (2, 3)]
    tree = causes([top, *below])
    assert [(b.run.id, [c.run.id for c in b.children]) for b in tree] == [(1, [2, 3])]


def test_a_run_that_ended_before_its_cause_still_stands_below_it(make_run: MakeRun) -> None:
    top = make_run(1)
    assert [b.run.id for b in causes([make_run(2, caused_by=top, depth=1), top])[0].children] == [2]


def test_a_run_whose_cause_is_no_longer_kept_stands_at_the_top(make_run: MakeRun) -> None:
    gone = make_run(1)
    assert [b.run.id for b in causes([make_run(2, caused_by=gone, depth=1)])] == [2]


def test_a_deep_cascade_is_no_deep_recursion(make_run: MakeRun) -> None:
    runs = [make_run(1)]
    for number in range(2, 5000):
        runs.append(make_run(number, caused_by=runs[-1], depth=number - 1))
    assert len(causes(runs)) == 1


def test_runs_that_went_the_same_way_are_folded_after_three(make_run: MakeRun) -> None:
    entries = fold(causes([make_run(n, duration=0.5) for n in range(100)]))
    assert [type(e) for e in entries] == [Branch] * 3 + [Folded]
    assert isinstance(entries[-1], Folded)
    assert (entries[-1].number, entries[-1].seconds) == (97, 48.5)


def test_empty_batches_are_folded_at_once_unless_they_failed(make_run: MakeRun) -> None:
    entries = fold(causes([make_run(1, tables=()), make_run(2, tables=(), error=ValueError("x"))]))
    assert [isinstance(e, Folded) for e in entries] == [True, False]


def test_a_run_that_failed_is_not_folded_with_those_that_did_not(make_run: MakeRun) -> None:
    runs = [make_run(n, error=ValueError("once") if n == 50 else None) for n in range(100)]
    shown = [e.run.id for e in fold(causes(runs)) if isinstance(e, Branch)]
    assert shown == [0, 1, 2, 50]


def test_a_run_says_what_it_ran_on(make_run: MakeRun) -> None:
    many = tuple((f"t{i}", i) for i in range(6))
    request = {"path": "a/b", "method": "GET"}
    assert ran_on(make_run(1)) == "temps (3 rows)"
    assert ran_on(make_run(1, tables=())) == "an empty batch"
    assert ran_on(make_run(1, tables=many)) == "t0 (0 rows), t1 (1 row), t2 (2 rows), t3 (3 rows), 2 more tables"
    assert ran_on(make_run(1, kind="schedule", tables=(), call_time_ns=0)) == "1970-01-01T00:00:00Z"
    assert ran_on(make_run(1, kind="request", tables=(), request=request)) == "GET /a/b"
