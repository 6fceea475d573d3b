"""The engine's verbs in any order: what holds whatever is asked of it."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pe_kit import Engine
from pe_kit.engine.faults import FAULTS
from pe_kit.errors import PeKitError

WRITES = """
import random, time, uuid

def process_writes(influxdb3_local, table_batches, args=None):
    for batch in table_batches:
        for row in batch["rows"]:
            if row["v"] % 7 == 3:
                time.sleep(row["v"] / 10)
            influxdb3_local.info(batch["table_name"], row["v"], time.time_ns(), random.random(), uuid.uuid4())
            influxdb3_local.write_to_db("out", LineBuilder("seen").tag("k", row["k"]).int64_field("v", row["v"]))
            if row["v"] % 11 == 5:
                raise ValueError(row["v"])
"""
TICKS = """
import datetime, random

def process_scheduled_call(influxdb3_local, call_time, args=None):
    count = influxdb3_local.cache.get("count", 0) + 1
    influxdb3_local.cache.put("count", count, ttl=40 if count % 2 else None)
    influxdb3_local.info(call_time, datetime.datetime.now(), count, random.getrandbits(16))
    influxdb3_local.write_sync(LineBuilder("ticks").tag("k", "t").int64_field("v", count), count % 2 == 0)
"""
ASKS = """
import secrets

def process_request(influxdb3_local, query_parameters, request_headers, request_body, args=None):
    if query_parameters.get("fail"):
        raise KeyError("fail")
    return {"n": influxdb3_local.query("SELECT count(*) AS n FROM ticks")[0]["n"], "id": secrets.token_hex(8)}
"""
TRIGGERS = {
    "all": ("writes.py", "all_tables"),
    "some": ("writes.py", "table:a"),
    "tick": ("ticks.py", "every:30s"),
    "daily": ("ticks.py", "cron:10 1 * * * *"),
    "ask": ("asks.py", "request:ask"),
}
names = st.sampled_from(sorted(TRIGGERS))
faults = st.sampled_from([(site, fault) for site, known in FAULTS.items() for fault in known])
keys, values, tables = st.sampled_from("xy"), st.integers(0, 40), st.sampled_from("ab")


def begun() -> Engine:
    engine = Engine(start="2026-01-01T00:00:00.5Z", seed=11)
    engine.create_database("db")
    engine.create_database("out")
    for filename, source in {"writes.py": WRITES, "ticks.py": TICKS, "asks.py": ASKS}.items():
        engine.write_plugin(filename, source)
    return engine


def everything(engine: Engine) -> bytes:
    """All that a session leaves behind, as bytes."""
    found: list[Any] = [engine.now_ns, engine.logs().to_csv(), engine.cache.drop(columns=["value"]).to_csv()]
    found.append([repr(value) for value in engine.cache["value"]])
    found.append(engine.triggers[["trigger_name", "disabled", "state", "runs", "errors", "next_time"]].to_csv())
    for database in ("db", "out"):
        tables = engine.tables(database)["table"]
        found += [engine.query(f'SELECT * FROM "{t}" ORDER BY time, k', database).to_csv() for t in tables]
    found += [
        (r.id, r.started_ns, r.ended_ns, r.slept_ns, repr(r.error), r.written, r.printed, r.faults) for r in engine.runs
    ]
    return repr(found).encode()


def ask(engine: Engine, verb: str, **data: Any) -> Any:
    """Ask the engine for something; what it refuses, it refuses with a reason."""
    try:
        return getattr(engine, verb)(**data)
    except PeKitError as refused:
        return refused if str(refused) else pytest.fail(f"{verb} was refused without a reason")


class Session(RuleBasedStateMachine):
    """One session; at its end it is repeated, and continued from its middle."""

    def __init__(self) -> None:
        super().__init__()
        self.engine = begun()
        self.latest = self.engine.now_ns
        self.points = 0
        self.acknowledged: set[tuple[str, str, int, int]] = set()

    def line(self, table: str, key: str, value: int) -> str:
        self.points += 1
        moment = 1_700_000_000_000_000_000 + self.points
        self.acknowledged.add((table, key, value, moment))
        return f"{table},k={key} v={value}i {moment}"

    def fired(self, kinds: set[str]) -> bool:
        frame = self.engine.triggers
        return any(frame["state"].eq("running") & frame["trigger_name"].isin(kinds))

    @initialize(which=st.sets(names))
    def triggers(self, which: set[str]) -> None:
        for name in sorted(which):
            self.create(name, False, "log")

    @rule(table=tables, key=keys, value=values, no_sync=st.booleans())
    def write(self, table: str, key: str, value: int, no_sync: bool) -> None:
        due = self.fired({"all", "some"})
        data = self.line(table, key, value)
        outcome = ask(self.engine, "write", data=data, db="db", precision="ns", no_sync=no_sync)
        assert outcome.runs or outcome.notes or outcome.error or no_sync or not due

    @rule(table=tables, key=keys, value=values)
    def load(self, table: str, key: str, value: int) -> None:
        assert not ask(self.engine, "load", data=self.line(table, key, value), db="db", precision="ns").runs

    @rule(seconds=st.sampled_from([0, 1, 29, 30, 75]))
    def advance(self, seconds: int) -> None:
        due = self.engine.next_events(1)
        until = self.engine.now_ns + seconds * 1_000_000_000
        outcome = ask(self.engine, "advance", duration=seconds)
        assert self.engine.now_ns >= until
        happens = len(due) and due["time"].astype("int64")[0] <= until
        assert not happens or outcome.runs or outcome.flushes or outcome.notes or outcome.error

    @rule()
    def step(self) -> None:
        outcome = ask(self.engine, "step")
        assert outcome.runs or outcome.flushes or outcome.notes or outcome.error

    @rule()
    def flush(self) -> None:
        ask(self.engine, "flush")

    @rule(name=st.sampled_from(["tick", "daily", "ask"]), at=st.sampled_from([None, "2025-06-01T12:00:00Z"]))
    def call(self, name: str, at: str | None) -> None:
        outcome = ask(self.engine, "call", trigger=name, db="db", at=at)
        assert isinstance(outcome, PeKitError) or outcome.runs or outcome.notes

    @rule(fail=st.booleans())
    def request(self, fail: bool) -> None:
        outcome = ask(self.engine, "request", path="ask", params={"fail": "1"} if fail else None)
        assert outcome.response.status in ((500,) if outcome.error else (200, 404))
        assert outcome.runs or outcome.notes

    @rule(name=names, run_async=st.booleans(), behavior=st.sampled_from(["log", "retry", "disable"]))
    def create(self, name: str, run_async: bool, behavior: str) -> None:
        path, spec = TRIGGERS[name]
        data = {"run_async": run_async, "error_behavior": behavior}
        ask(self.engine, "create_trigger", name=name, db="db", path=path, spec=spec, **data)

    @rule(name=names, verb=st.sampled_from(["enable_trigger", "disable_trigger"]))
    def switch(self, name: str, verb: str) -> None:
        ask(self.engine, verb, name=name, db="db")

    @rule(name=names, force=st.booleans())
    def delete(self, name: str, force: bool) -> None:
        ask(self.engine, "delete_trigger", name=name, db="db", force=force)

    @rule(fault=faults, nth=st.integers(1, 3), times=st.sampled_from([1, 2, None]))
    def inject(self, fault: tuple[str, str], nth: int, times: int | None) -> None:
        when = {"nth": nth} if times == 1 else {"chance": 0.5}
        ask(self.engine, "inject", site=fault[0], fault=fault[1], when=when, times=times)

    @rule()
    def clear_faults(self) -> None:
        ask(self.engine, "clear_faults")

    @rule()
    def restart(self) -> None:
        ask(self.engine, "restart")

    @invariant()
    def time_never_goes_back(self) -> None:
        times = self.engine.logs()["event_time"]
        assert self.engine.now_ns >= self.latest
        assert times.is_monotonic_increasing
        self.latest = self.engine.now_ns

    def teardown(self) -> None:
        with closing(self.engine) as engine:
            ask(engine, "flush")
            stored = {
                (table, row["k"], row["v"], row["time"].value)
                for table in set(engine.tables("db")["table"]) & {"a", "b"}
                for row in engine.query(f"SELECT * FROM {table}", "db").to_dict("records")
            }
            assert stored == self.acknowledged
            past, left = engine.history, everything(engine)
            with closing(begun()) as again:
                for event in past[len(again.history) :]:
                    ask(again, event.kind, **event.data)
                assert everything(again) == left
            middle = len(past) // 2
            with closing(engine.at(middle).fork()) as fork:
                for event in past[middle:]:
                    ask(fork, event.kind, **event.data)
                assert everything(fork) == left


test_the_verbs_in_any_order = pytest.mark.slow(Session.TestCase)
test_the_verbs_in_any_order.settings = settings(max_examples=30, stateful_step_count=20)
