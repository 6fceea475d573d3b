"""``LocalApi``: a test double for ``influxdb3_local`` with a real engine behind it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from types import FrameType
from typing import TYPE_CHECKING, Any

from pe_kit.engine.cache import PyCache
from pe_kit.engine.call import Call
from pe_kit.engine.engine import Engine
from pe_kit.engine.frames import changes_frame, logs_frame
from pe_kit.engine.localapi import PyPluginCallApi
from pe_kit.engine.records import Event, QueryRecord, Rejected
from pe_kit.engine.trigger import parse_spec
from pe_kit.engine.trigger_table import Trigger
from pe_kit.engine.work import Work
from pe_kit.testing.ending import entry_frame, returned
from pe_kit.types import TableBatch

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LocalApi"]

_KINDS = {"process_scheduled_call": "schedule", "process_request": "request"}
START = "2026-01-01T00:00:00Z"


class LocalApi(PyPluginCallApi):
    """``influxdb3_local`` for tests: its nine names do what the server does, the others are the test's.

    Hand it to a plugin's function as it is, ``process_writes(api, batches, api.args)``, or let ``api.call`` do it:
    then the plugin gets an object with the nine names and nothing else. Lines that a plugin queued with ``write`` reach
    the database when its function has returned, and are dropped when it raised.

    Args:
        lp: line protocol that is in the database from the start.
        tables: table -> rows that are there from the start: a frame, an Arrow table, or a list of dicts.
        tags: which columns of ``tables`` are tags.
        database: the trigger's database. args: the trigger's arguments, as they are given to ``call``.
        start: where virtual time begins. It moves with ``advance`` only, and with it TTLs, ``now()`` and default times.
        trigger: the name of the trigger, for its cache and its log rows.

    Source: ``influxdb3_py_api/src/system_py.rs``.
    """

    __slots__ = ("args", "engine")

    def __init__(
        self,
        *,
        lp: str | Sequence[str] | None = None,
        tables: Mapping[str, Any] | None = None,
        tags: Sequence[str] = (),
        database: str = "db",
        args: dict[str, str] | None = None,
        start: datetime | str | int | None = START,
        trigger: str = "test",
    ) -> None:
        self.engine = Engine(start=start, plugin_dir=None)
        self.engine.create_database(database)
        self.args = args
        super().__init__(_TestCall(self.engine, database, trigger))
        if lp is not None:
            self.load(lp)
        for table, rows in (tables or {}).items():
            self.load(rows, table=table, tags=tags)

    @property
    def _test(self) -> _TestCall:
        assert isinstance(self._call, _TestCall)
        return self._call

    def load(self, data: Any, *, table: str | None = None, tags: Sequence[str] = ()) -> None:
        """Store data in the trigger's database: line protocol, or for ``table`` a frame, an Arrow table or dicts.

        Times that are whole numbers are nanoseconds.
        """
        self._test.settle()
        if table is None:
            self.engine.load(data, self._call.database, precision="ns")
            return
        if isinstance(data, list):
            import pyarrow as pa

            data = pa.Table.from_pylist(data)
            if not data.num_rows:
                return
        present = getattr(data, "column_names", getattr(data, "columns", ()))
        mine = [tag for tag in tags if tag in present]
        self.engine.load(data, self._call.database, precision="ns", table=table, tags=mine)

    def batches(self, lp: str | Sequence[str], *, table: str | None = None) -> list[TableBatch]:
        """Write line protocol and give what ``process_writes`` would get for it: a plugin's queries see its own batch.

        ``table``: only this table, as for a ``table:`` trigger.
        """
        self._test.settle()
        self.engine.flush()
        self.engine.write(lp, self._call.database, precision="ns", no_sync=True)
        return self.engine.store.flush()[0].table_batches(table)

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a plugin's function as the engine does: the bare API first, the trigger's arguments last.

        Gives what it returned. What it raised comes through; its queued lines are dropped then.
        """
        return self._test.around(function, (PyPluginCallApi(self._call), *arguments, self.args))

    def advance(self, duration: str | timedelta | float) -> None:
        """Let virtual time pass: TTLs run out, and what was written with ``no_sync=True`` is flushed."""
        self._test.settle()
        self.engine.advance(duration)

    def sibling(self, trigger: str, *, args: dict[str, str] | None = None) -> LocalApi:
        """Another trigger of the same engine and database: the same tables and global cache, a cache of its own."""
        other = object.__new__(LocalApi)
        other.engine, other.args = self.engine, args
        other._call = _TestCall(self.engine, self._call.database, trigger)
        return other

    @property
    def now(self) -> datetime:
        """Virtual time, aware UTC."""
        return self.engine.now

    @property
    def lines(self) -> dict[str, list[str]]:
        """Database -> lines of line protocol that reached it, in order."""
        self._test.settle()
        found: dict[str, list[str]] = {}
        for written in self._call.written:
            found.setdefault(written.database, []).append(written.line)
        return found

    @property
    def rejected(self) -> list[Rejected]:
        """Queued writes that the database refused, (database, error): the plugin does not notice, the log does."""
        self._test.settle()
        return list(self._call.rejected)

    @property
    def logs(self) -> pd.DataFrame:
        """What was logged: event_time, database, trigger_name, log_level, log_text."""
        self._test.settle()
        return logs_frame(self._call.log_rows)

    @property
    def queries(self) -> pd.DataFrame:
        """The queries: database, sql, params, rows, seconds, error."""
        import pandas as pd

        return pd.DataFrame(list(self._call.queries), columns=list(QueryRecord._fields))

    @property
    def cache_changes(self) -> pd.DataFrame:
        """What changed in the cache: run, namespace, key, before, after."""
        return changes_frame(self._call.cache_records)


class _TestCall(Call):
    """One call after the other, of functions that nobody told the kit about."""

    __slots__ = ("engine", "entry", "told")

    def __init__(self, engine: Engine, database: str, trigger: str) -> None:
        event = Event(0, "test", engine.now_ns, database, {})
        spec = parse_spec("all_tables")
        made = Trigger(trigger, database, "", spec, None, False, "log", False, 0)
        super().__init__(engine._runtime, Work(made, event, engine.now_ns), 1)
        self.engine = engine
        self.entry: FrameType | None = None
        self.told = False

    def log(self, level: str, text: str) -> None:
        self._enter()
        super().log(level, text)

    def query(self, sql: str, args: dict[str, str] | None, database: str | None) -> list[dict[str, Any]]:
        self._enter()
        return super().query(sql, args, database)

    def queue(self, database: str, text: str) -> None:
        self._enter()
        super().queue(database, text)

    def write_now(self, database: str, text: str, no_sync: bool) -> None:
        self._enter()
        super().write_now(database, text, True)
        if not no_sync:
            self.engine.flush()

    def cache(self) -> PyCache:
        self._enter()
        return super().cache()

    def _enter(self) -> None:
        """Notice that another call than before has begun."""
        if self.told:
            return
        entry = entry_frame()
        if entry is not self.entry:
            self.settle()
            self.entry = entry

    def settle(self) -> None:
        """Do what the server does after a call: write what was queued, or drop it when the function raised."""
        if self.entry is not None and not self.told:
            self._end(returned(self.entry), self.entry.f_code.co_name)

    def _end(self, well: bool, name: str) -> None:
        self.entry, self.told = None, True
        if well and self.queued:
            self.write_back(_KINDS.get(name, "wal"))
            self.engine.flush()
        self.queued.clear()
        self.told = False

    def around(self, function: Callable[..., Any], given: tuple[Any, ...]) -> Any:
        """Call a function and end its call at once."""
        self.settle()
        self.told = True
        well = False
        try:
            clocked = self.runtime.around
            value = function(*given) if clocked is None else clocked(self, lambda: function(*given))
            well = True
        finally:
            self._end(well, getattr(function, "__name__", ""))
        return value
