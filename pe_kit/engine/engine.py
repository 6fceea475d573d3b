"""Engine: the one object that users hold. Every call that changes something is an Event of the session's history."""

from __future__ import annotations

import builtins
import json as jsonlib
import os
import random
import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from types import EllipsisType
from typing import TYPE_CHECKING, Any

from pe_kit.clock import Clock, VirtualClock, WallClock, as_datetime, as_ns
from pe_kit.duration import as_duration_ns
from pe_kit.engine import dryrun
from pe_kit.engine.cache import PyCache
from pe_kit.engine.collect import Collector
from pe_kit.engine.difference import Difference, diff_states
from pe_kit.engine.durable import Durable
from pe_kit.engine.events import as_event, event
from pe_kit.engine.faults import Faults
from pe_kit.engine.frames import cache_frame, logs_frame, query_frame, upcoming_frame
from pe_kit.engine.guard import ShieldedLock
from pe_kit.engine.history import History, Replay, copied, plugin_sources
from pe_kit.engine.limits import Limits
from pe_kit.engine.outcome import Outcome, Runs
from pe_kit.engine.pluginclock import PluginClock
from pe_kit.engine.plugincode import PluginCode
from pe_kit.engine.pluginenv import PluginEnvironment
from pe_kit.engine.records import Event
from pe_kit.engine.request import as_request, method_allowed, not_found, not_routed
from pe_kit.engine.runtime import Progress, Runtime
from pe_kit.engine.system import add_system_sources
from pe_kit.engine.topology import Topology, topology
from pe_kit.engine.track import Tracker
from pe_kit.engine.trigger import parse_spec
from pe_kit.engine.trigger_table import Trigger, deleted_while_running
from pe_kit.engine.wall import WallRuntime
from pe_kit.errors import ClockError, EngineClosedError, EngineOffError, PartialWriteError, UsageError, near_match
from pe_kit.lineprotocol.builder import LineBuilder
from pe_kit.plugins.packages import Installed, no_environment
from pe_kit.plugins.source import PluginFolder
from pe_kit.store.frames import as_payload
from pe_kit.store.store import Store, Written

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from pe_kit.backtest.run import Backtest
    from pe_kit.server.serving import Served
    from pe_kit.synth.series import Series

__all__ = ["Engine"]

ERROR_BEHAVIORS = ("log", "retry", "disable")
SWITCH_ON = "Make the engine with a plugin_dir, or without plugin_dir=None."


class Engine:
    """A simulated Processing engine with its database, in this process.

    Args:
        start: where virtual time begins: datetime, RFC 3339 text or int ns; None: the wall clock now, whole second.
        clock: ``"virtual"`` (time stands still until it is advanced) or ``"wall"`` (flushes and schedules happen by
            themselves in a background thread until ``close()``).
        data_dir: a folder makes the session durable: a write that has returned survives a crash. Opening it again goes
            on where it was, as after a restart of the server: the clock, the seed and the databases are the folder's,
            ``start`` and ``seed`` are ignored. None keeps the session in memory.
        plugin_dir: the plugin folder. Not given: ``INFLUXDB3_PLUGIN_DIR`` if set, else ``plugins`` in the data folder,
            else a private folder that is removed at close. None: the processing engine is off.
        plugin_repo: base of ``gh:`` paths: an http(s) URL, a folder, or ``git+file:///PATH@REVISION``. Not given:
            ``INFLUXDB3_PLUGIN_REPO`` if set, else the official repository.
        wal_flush_interval: how often the WAL is flushed while time passes.
        seed: of everything random, the plugins' ``random`` too.
        limits: where plugins are stopped, see :class:`pe_kit.Limits`.
        max_databases, max_tables, max_columns: the server's limits.
        persist_cache: with ``data_dir``, the plugin cache survives a restart.
        package_manager: ``discover``, ``pip``, ``uv`` (which is pip, as on the server) or ``disabled``.

    Attributes:
        closed: True after ``close()``.
        progress: None, or called now and then during long advances with (start, now, target) in virtual ns and the
            number of runs.

    Raises:
        UsageError: an argument makes no sense.
        StorageError: another engine has the data folder, or it cannot be used.
    """

    def __init__(
        self,
        *,
        start: datetime | str | int | None = None,
        clock: str = "virtual",
        data_dir: str | Path | None = None,
        plugin_dir: str | Path | EllipsisType | None = ...,
        plugin_repo: str | Path | None = None,
        wal_flush_interval: str | timedelta | float = "1s",
        seed: int = 0,
        limits: Limits | None = None,
        max_databases: int = 5,
        max_tables: int = 2000,
        max_columns: int = 500,
        persist_cache: bool = True,
        package_manager: str = "discover",
    ) -> None:
        if clock not in ("virtual", "wall"):
            raise UsageError(f"clock={clock!r}", mend="The clocks are 'virtual' and 'wall'.")
        if not isinstance(limits, Limits | None):
            raise UsageError(f"limits={limits!r}", mend="For example limits=pe_kit.Limits(run_time='10s').")
        self.limits = limits or Limits()
        self.closed = self._past = False
        self.progress: Progress | None = None
        self._lock = threading.RLock()
        self._durable = Durable(self, data_dir) if data_dir is not None else None
        if self._durable is not None:
            seed = self._durable.seed(seed)
        self.seed = seed
        self.persist_cache = persist_cache
        self.plugin_repo = plugin_repo
        options = {"max_databases": max_databases, "max_tables": max_tables, "max_columns": max_columns}
        self._settings: dict[str, Any] = {
            **options, "plugin_repo": plugin_repo, "wal_flush_interval": wal_flush_interval, "seed": seed,
            "limits": self.limits, "persist_cache": persist_cache, "package_manager": package_manager,
        }  # fmt: skip
        self._servers: list[Served] = []
        self._clock: Clock
        if clock == "wall":
            self._clock = WallClock()
        else:
            whole = WallClock().now_ns // 1_000_000_000 * 1_000_000_000
            self._clock = VirtualClock(whole if start is None else as_ns(start))
        self._remove_folder: Callable[[], object] = lambda: None
        folder = self._plugin_folder(plugin_dir)
        self.store = Store(lambda: self._clock.now_ns, **options, lock=ShieldedLock())
        interval = as_duration_ns(wal_flush_interval)
        if interval <= 0:
            raise UsageError("wal_flush_interval must be longer than nothing", mend="The server's default is '1s'.")
        self._random = random.Random(seed)
        parts = (self._clock, self.store, folder, self.limits, interval, self._random)
        self._runtime = Runtime(*parts) if self._clock.virtual else WallRuntime(self._lock, *parts)
        if self._clock.virtual:
            self._runtime.put_around(PluginClock(self._clock, seed).around)
        if folder is not None:
            self._runtime.put_around(PluginEnvironment(folder).around)
        self._code = PluginCode(folder, self._clock, package_manager) if folder is not None else None
        if self._code is not None:
            self._runtime.missing = self._code.needs
        self._history = History(self)
        self._listeners: list[Callable[[], None]] = []
        add_system_sources(self.store, self._runtime)
        builtins.LineBuilder = LineBuilder  # type: ignore[attr-defined]  # the server injects it there too
        if self._durable is not None:
            with self._lock:
                self._durable.open()

    def _plugin_folder(self, given: str | Path | EllipsisType | None) -> PluginFolder | None:
        if given is None:
            return None
        if isinstance(given, EllipsisType):
            given = os.environ.get("INFLUXDB3_PLUGIN_DIR") or None
            if given is None and self._durable is not None:
                given = self._durable.folder.path / "plugins"
            if given is None:
                given = self._own(tempfile.mkdtemp(prefix="pe_kit-plugins-"))
        return PluginFolder(given, self.plugin_repo)

    def _own(self, folder: str) -> Path:
        """Let a plugin folder go with this engine, at the latest when the process ends."""
        self._remove_folder = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return Path(folder)

    # -- life -----------------------------------------------------------------------------------------------------

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """End the session; a private plugin folder is removed. Calling it again does nothing."""
        if self.closed:
            return
        for server in list(self._servers):
            server.stop()
        self._runtime.stop()
        self.closed = True
        if self._code is not None:
            self._code.close()
        self._remove_folder()
        if self._durable is not None:
            self._durable.close()

    def checkpoint(self) -> None:
        """Write what is new in a data folder's tables as Parquet and begin a new journal; it happens by itself too.

        Raises:
            UsageError: the session is in memory. StorageError: the disk refused; the journal goes on.
        """
        with self._lock:
            if self.closed:
                raise EngineClosedError("this engine is closed", mend="Make a new one: Engine().")
            if self._durable is None:
                raise UsageError("this session is in memory", mend="Make it durable: Engine(data_dir='my-session').")
            self._durable.checkpoint()

    @property
    def damage(self) -> tuple[str, ...]:
        """What was found damaged in the data folder, each with its file; what is not named is whole."""
        return tuple(self._durable.folder.damage) if self._durable is not None else ()

    def __repr__(self) -> str:
        if self.closed:
            return "<Engine, closed>"
        past = f" after event {self._history.count}," if self._past else ""
        at = f"{self.now:%Y-%m-%d %H:%M:%S} UTC ({'virtual' if self._clock.virtual else 'wall'})"
        triggers, databases = len(self._runtime.triggers), len(self.store.database_names()) - 1
        return f"<Engine{past} at {at}, {triggers} triggers, {databases} databases>"

    def on_event(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call a function after each event; gives the function that ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    # -- time -----------------------------------------------------------------------------------------------------

    @property
    def now_ns(self) -> int:
        """The engine's time, int nanoseconds since the Unix epoch."""
        return self._clock.now_ns

    @property
    def now(self) -> datetime:
        """The engine's time, aware UTC."""
        return as_datetime(self._clock.now_ns)

    def advance(self, duration: str | timedelta | float) -> Outcome:
        """Let virtual time pass: every WAL flush and schedule on the way fires, in time order. Never sleeps.

        Args:
            duration: text such as ``"10m"``, a timedelta, or seconds.

        Raises:
            ClockError: the duration is negative, or the clock is the wall clock.
            AdvanceInterrupted: Ctrl-C; its ``.outcome`` says what happened until then.
        """
        if str(duration).lstrip().startswith("-"):
            raise ClockError("time never goes back", mend="engine.at(n).fork() continues from the past.")
        return self.advance_to(self._clock.now_ns + as_duration_ns(duration))

    def advance_to(self, t: datetime | str | int) -> Outcome:
        """Let virtual time pass up to and including a moment; see :meth:`advance`."""
        target = as_ns(t)
        if not self._clock.virtual or target < self._clock.now_ns:
            self._clock.move_to(target)  # raises with the reason
        with event(self, "advance_to", t=target) as collector:
            self._runtime.run_until(target)
        return collector.outcome(self._clock.now_ns)

    def step(self) -> Outcome:
        """Do the next due thing only: one WAL flush or one schedule, and what it causes."""
        if not self._clock.virtual:
            self._clock.move_to(0)
        with event(self, "step") as collector:
            if not self._runtime.step():
                collector.note("nothing is due: no schedule trigger runs and the WAL buffer is empty")
        return collector.outcome(self._clock.now_ns)

    def next_events(self, n: int = 5) -> pd.DataFrame:
        """What will fire next: time, kind (``wal_flush`` or ``schedule``), trigger_name, database."""
        return upcoming_frame(self._runtime, n)

    # -- databases and tables ---------------------------------------------------------------------------------

    @as_event
    def create_database(self, name: str, *, retention_period: str | timedelta | float | None = None) -> None:
        """Create a database.

        Raises:
            InvalidNameError, ConflictError, ServerError: as the server's ``/api/v3/configure/database``.
        """
        ns = None if retention_period is None else as_duration_ns(retention_period)
        self.store.create_database(name, ns)

    @as_event
    def delete_database(self, name: str) -> None:
        """Delete a database; its triggers are stopped, disabled and go with it: its name is free again."""
        stamped = self.store.delete_database(name)
        for trigger in [t for t in self._runtime.triggers if t.database == name]:
            trigger.disabled = True
            self._runtime.triggers.stop(trigger)
        self._runtime.triggers.move(name, stamped)
        self._runtime.cache.drop_database(name)

    @property
    def databases(self) -> pd.DataFrame:
        """All databases; the first column is ``database``."""
        return self.store.databases_frame()

    @as_event
    def set_retention(self, name: str, retention_period: str | timedelta | float | None) -> None:
        """Say how long rows of a database are visible; None: for ever."""
        ns = None if retention_period is None else as_duration_ns(retention_period)
        self.store.set_retention(name, ns)

    def create_table(
        self, db: str, table: str, tags: Sequence[str], *, fields: Mapping[str, str] | None = None
    ) -> None:
        """Create a table; ``fields`` maps names to ``utf8``, ``int64``, ``uint64``, ``float64`` or ``bool``."""
        named = list(_names(tags))
        with event(self, "create_table", db=db, table=table, tags=named, fields=dict(fields or {})):
            self.store.create_table(db, table, named, dict(fields or {}))

    @as_event
    def delete_table(self, db: str, table: str) -> None:
        """Delete a table."""
        self.store.delete_table(db, table)

    def tables(self, db: str) -> pd.DataFrame:
        """The tables of a database: table, rows, columns, first_time, last_time."""
        return self.store.tables_frame(db)

    # -- data -----------------------------------------------------------------------------------------------------

    def write(
        self,
        data: Any,
        db: str,
        *,
        precision: str = "auto",
        no_sync: bool = False,
        accept_partial: bool = False,
        table: str | None = None,
        tags: Sequence[str] = (),
    ) -> Outcome:
        """Write data; without ``no_sync`` the flush that carries it and all triggers run before the call returns.

        Args:
            data: line protocol text, a list of lines, a pandas or polars DataFrame, or a ``pyarrow.Table``.
            db: the database; made when it does not exist.
            precision: of timestamps in text: ``auto`` (guessed by magnitude), ``s``, ``ms``, ``us``, ``ns``.
            no_sync: leave the data in the WAL buffer until ``flush()`` or until time passes the next flush.
            accept_partial: store the good lines when some are bad.
            table, tags: for frames: the table, and which columns are tags.

        Raises:
            LineProtocolError: a bad line; nothing was stored.
            PartialWriteError: bad lines with ``accept_partial=True``; its ``.outcome`` is that of the good ones.
        """
        payload = as_payload(data, table)
        options = {"precision": precision, "accept_partial": accept_partial, "table": table, "tags": _names(tags)}
        with event(self, "write", data=payload, db=db, no_sync=no_sync, **options) as collector:
            written = self._runtime.write(payload, db, None, **options)
            if not no_sync:
                self._runtime.carry()
                self._runtime.settle()
        return self._accepted(collector, written)

    def load(
        self,
        data: Any,
        db: str,
        *,
        precision: str = "auto",
        accept_partial: bool = False,
        table: str | None = None,
        tags: Sequence[str] = (),
    ) -> Outcome:
        """Store what was there before the session: no trigger fires. Arguments and errors as :meth:`write`."""
        payload = as_payload(data, table)
        options = {"precision": precision, "accept_partial": accept_partial, "table": table, "tags": _names(tags)}
        with event(self, "load", data=payload, db=db, **options) as collector:
            written = self.store.load(payload, db, **options)
        return self._accepted(collector, written)

    def _accepted(self, collector: Collector, written: Written) -> Outcome:
        outcome = collector.outcome(self._clock.now_ns)
        if written.errors:
            refused = PartialWriteError(written.errors, status=written.status)
            refused.outcome = outcome
            raise refused
        return outcome

    def flush(self) -> Outcome:
        """Flush the WAL now, and run what that causes."""
        with event(self, "flush") as collector:
            self._runtime.flush()
            self._runtime.settle()
        return collector.outcome(self._clock.now_ns)

    def query_arrow(self, sql: str, db: str, *, params: Mapping[str, Any] | None = None) -> pa.Table:
        """Run one SQL statement; the result as DataFusion gives it.

        Raises:
            QueryError: the statement failed; ``.message`` is the server's text.
        """
        return self.store.query_arrow(sql, db, params)

    def query(self, sql: str, db: str, *, params: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """Run one SQL statement as a DataFrame: tags as text, times as ``datetime64[ns]``."""
        return query_frame(self.query_arrow(sql, db, params=params))

    # -- last-value and distinct-value caches -----------------------------------------------------------------

    def create_last_cache(
        self,
        db: str,
        table: str,
        *,
        name: str | None = None,
        key_columns: Sequence[str] | None = None,
        value_columns: Sequence[str] | None = None,
        count: int = 1,
        ttl: str | timedelta | float = "4h",
    ) -> str:
        """Create a last-value cache and give its name; SQL reads it with ``last_cache('table')``."""
        keys, values = (None if some is None else list(_names(some)) for some in (key_columns, value_columns))
        data = {"name": name, "key_columns": keys, "value_columns": values, "count": count, "ttl": ttl}
        with event(self, "create_last_cache", db=db, table=table, **data):
            return self.store.create_last_cache(db, table, **data)

    @as_event
    def delete_last_cache(self, db: str, table: str, name: str) -> None:
        """Delete a last-value cache."""
        self.store.delete_last_cache(db, table, name)

    def create_distinct_cache(
        self,
        db: str,
        table: str,
        columns: Sequence[str],
        *,
        name: str | None = None,
        max_cardinality: int = 100_000,
        max_age: str | timedelta | float = "1d",
    ) -> str:
        """Create a distinct-value cache and give its name; SQL reads it with ``distinct_cache('table')``."""
        data = {"name": name, "max_cardinality": max_cardinality, "max_age": max_age}
        named = list(_names(columns))
        with event(self, "create_distinct_cache", db=db, table=table, columns=named, **data):
            return self.store.create_distinct_cache(db, table, named, **data)

    @as_event
    def delete_distinct_cache(self, db: str, table: str, name: str) -> None:
        """Delete a distinct-value cache."""
        self.store.delete_distinct_cache(db, table, name)

    # -- plugins and triggers -----------------------------------------------------------------------------------

    def _on(self, off: str) -> PluginCode:
        """Give the plugins; ``off`` is the server's text where the engine is off."""
        if self._code is None:
            raise EngineOffError(off, mend=SWITCH_ON)
        return self._code

    @as_event
    def write_plugin(self, filename: str, source: str) -> Path:
        """Put a plugin file into the plugin folder, replacing one that is there; gives its path.

        Raises:
            PluginError: the name leads out of the plugin folder, or the engine is off.
        """
        code = self._on("Processing engine error: plugin error: No plugin directory configured")
        return code.write(filename, source)

    def write_plugin_directory(self, name: str, files: Mapping[str, str]) -> Path:
        """Put a multi-file plugin (path in its folder -> source) in place of what is there; gives its path.

        Raises:
            PluginError: a name leads out of the plugin folder, or the engine is off.
        """
        code = self._on("Processing engine error: plugin error: No plugin directory configured")
        with event(self, "write_plugin_directory", name=name, files=dict(files)):
            return code.write_directory(name, files)

    @property
    def plugin_dir(self) -> Path | None:
        """The plugin folder, or None when the engine is off."""
        return self._code.folder.path if self._code is not None else None

    def install_packages(self, packages: Sequence[str]) -> Installed:
        """Install Python packages for plugins, into the environment in the plugin folder; made at the first install.

        Args:
            packages: what ``pip install`` takes: names, requirements, files, or ``["-r", "requirements.txt"]``.

        Returns:
            An object with ``.ok``, ``.packages`` (new ones), ``.output``. The server answers 200 to a failure, too.

        Raises:
            ServerError: installs are disabled (403), or there is no plugin folder (500).
        """
        if self._code is None:
            raise no_environment(SWITCH_ON)
        return self._code.install(packages, self._runtime.triggers)

    @property
    def plugins(self) -> pd.DataFrame:
        """What is in the plugin folder: filename, kind, functions, version, hash, triggers, requirements."""
        return self._on("No plugin directory configured").registry.frame(self._runtime.triggers)

    def create_trigger(
        self,
        name: str,
        *,
        db: str,
        path: str,
        spec: str,
        arguments: Mapping[str, str] | None = None,
        run_async: bool = False,
        error_behavior: str = "log",
        disabled: bool = False,
    ) -> None:
        """Create a trigger; unless ``disabled`` it runs from now on.

        Args:
            name: unique in the database.
            db: the database it belongs to.
            path: the plugin: a file or folder in the plugin folder, or ``gh:PATH``.
            spec: ``all_tables``, ``table:NAME``, ``every:DURATION``, ``cron:EXPRESSION`` or ``request:PATH``.
            arguments: text -> text, given to the plugin as ``args``.
            run_async: events run concurrently instead of one after the other.
            error_behavior: ``log``, ``retry`` or ``disable``.
            disabled: create it stopped.

        Raises:
            ServerError: as the server refuses it, in the server's order of checks; ``.mend`` says what to do.
        """
        code = self._on("Plugin error: Node not configured with plugin directory")
        if error_behavior not in ERROR_BEHAVIORS:
            raise UsageError(
                f"error_behavior={error_behavior!r}",
                mend="The server knows 'log', 'retry' and 'disable', in lower case.",
            )
        if arguments is not None:
            if not isinstance(arguments, Mapping):
                raise UsageError(f"arguments={arguments!r}", mend="For example arguments={'threshold': '75'}.")
            wrong = [k for k, v in arguments.items() if not isinstance(k, str) or not isinstance(v, str)]
            if wrong:
                raise UsageError(
                    f"trigger argument {wrong[0]!r} is not text",
                    mend="The server takes text only: str(value) it yourself.",
                )
        given = None if arguments is None else dict(arguments)
        with event(self, "create_trigger", name=name, db=db, path=path, spec=spec, arguments=given,
                         run_async=run_async, error_behavior=error_behavior, disabled=disabled):  # fmt: skip
            code.find(path)
            parsed = parse_spec(spec)
            self.store.require_database(db)
            trigger = Trigger(
                name=name,
                database=db,
                path=path,
                spec=parsed,
                arguments=given,
                run_async=run_async,
                error_behavior=error_behavior,
                disabled=disabled,
            )
            self._runtime.triggers.add(trigger)
            code.note_needs(path)
            if not disabled:
                self._runtime.triggers.start(trigger, self._clock.now_ns)

    def enable_trigger(self, name: str, db: str) -> None:
        """Enable a trigger. On an enabled one nothing happens, even when its task has stopped, as on the server.

        Its plugin is looked up anew. Where it is gone the trigger is enabled, but its task does not start: see
        ``state`` in ``engine.triggers``.
        """
        with self._lock:
            found = self._runtime.triggers.find(name, db)
            gone = self._look_up([found] if found is not None and found.disabled else [])
            with event(self, "enable_trigger", name=name, db=db, **gone):
                self.store.require_database(db)
                trigger = self._runtime.triggers.get(name, db)
                if trigger.disabled:
                    trigger.disabled = False
                    self._runtime.start(trigger, gone.get("missing", {}))

    def _look_up(self, triggers: Iterable[Trigger]) -> dict[str, dict[str, str]]:
        return {} if self._code is None or self.closed else self._code.look_up(triggers)

    @as_event
    def disable_trigger(self, name: str, db: str) -> None:
        """Disable a trigger; its cache is wiped. Calling it again does nothing."""
        self.store.require_database(db)
        trigger = self._runtime.triggers.get(name, db)
        if not trigger.disabled:
            trigger.disabled = True
            self._runtime.triggers.stop(trigger)
            self._runtime.cache.drop_trigger(trigger.key)

    @as_event
    def delete_trigger(self, name: str, db: str, *, force: bool = False) -> None:
        """Delete a trigger and its cache; an enabled one needs ``force``."""
        self.store.require_database(db)
        trigger = self._runtime.triggers.get(name, db)
        if not trigger.disabled and not force:
            raise deleted_while_running(name)
        self._runtime.triggers.stop(trigger)
        self._runtime.triggers.remove(trigger)
        self._runtime.cache.drop_trigger(trigger.key)

    @as_event
    def declare_duration(self, trigger: str, db: str, duration: str | timedelta | float) -> None:
        """Say how much virtual time each call of a trigger takes (0 unless declared), to see back-pressure.

        A synchronous trigger that is busy lets WAL events wait, ``Limits.queue`` of them, then writes stall;
        schedules fall behind and are replayed. ``engine.triggers`` shows queued, waited_ms and stalled_ms.
        """
        if not self._clock.virtual:
            raise ClockError("under the wall clock a call takes the time that it takes", mend="See engine.triggers.")
        ns = as_duration_ns(duration)
        self._runtime.triggers.get(trigger, db).declared_ns = ns

    def find_trigger(self, name: str) -> Trigger | None:
        """The first trigger of a name in any database, or None."""
        with self._lock:
            return next((t for t in self._runtime.triggers if t.name == name), None)

    @property
    def triggers(self) -> pd.DataFrame:
        """One row a trigger: the columns of ``system.processing_engine_triggers``, then database, runs, errors, ..."""
        with self._lock:
            frame: pd.DataFrame = self._runtime.triggers.frame()
        return frame

    # -- firing by hand -----------------------------------------------------------------------------------------

    def call(self, trigger: str, db: str, *, at: datetime | str | int | None = None) -> Outcome:
        """Fire a schedule trigger now; ``at`` is the scheduled time that it is given. The clock does not move."""
        found = self._runtime.triggers.get(trigger, db)
        if found.kind != "schedule":
            raise UsageError(
                f"trigger {trigger!r} is no schedule trigger but {found.spec.text!r}",
                mend="Fire it with engine.request(path)."
                if found.kind == "request"
                else "Fire it with engine.write(...).",
            )
        if not found.running:
            raise UsageError(
                f"trigger {trigger!r} does not run: {found.stopped or 'it is disabled'}",
                mend="Enable it first: engine.enable_trigger.",
            )
        when = self._clock.now_ns if at is None else as_ns(at)
        with event(self, "call", trigger=trigger, db=db, at=when) as collector:
            self._runtime.call_now(found, when)
        return collector.outcome(self._clock.now_ns)

    def request(
        self,
        path: str,
        *,
        method: str = "POST",
        params: Mapping[str, Any] | Sequence[tuple[str, Any]] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | str | None = None,
        json: Any = None,
    ) -> Outcome:
        """Send a request to ``/api/v3/engine/<path>``; the Outcome carries ``.response``.

        Args:
            path: what follows ``/api/v3/engine/``, compared byte for byte.
            method: GET or POST; the server answers 404 to others.
            params: query parameters; of equal names the last one counts.
            headers: names are lower-cased, ``authorization`` never reaches the plugin.
            body: bytes or text. json: a value to send as JSON instead.
        """
        if json is not None:
            if body is not None:
                raise UsageError("body= and json= were both given", mend="Give one of them.")
            body = jsonlib.dumps(json)
            headers = {"content-type": "application/json", **{k.lower(): v for k, v in (headers or {}).items()}}
        data = {"method": method, "params": params, "headers": headers, "body": body}
        with event(self, "request", path=path, **data) as collector:
            if not method_allowed(method):
                collector.response = not_found()
            elif not isinstance(request := as_request(path, method, params, headers, body), dict):
                collector.response = request  # the body is read first
            elif (trigger := self._runtime.triggers.routed(path)) is None:
                collector.response = not_routed()
                known = near_match(path, self._runtime.triggers.routes, what="request paths")
                collector.note(f"no running trigger answers {path!r}. {known}")
            else:
                collector.response = self._runtime.request(trigger, request)
        return collector.outcome(self._clock.now_ns)

    def test_wal_plugin(
        self,
        filename: str,
        lp: str,
        db: str,
        *,
        arguments: Mapping[str, str] | None = None,
        cache_name: str | None = None,
    ) -> dict[str, Any]:
        """Dry-run ``process_writes``: exactly what ``/api/v3/plugin_test/wal`` answers.

        Returns:
            ``{"log_lines": [...], "database_writes": {db: [...]}, "errors": [...]}``.
        """
        code = self._on("Plugin error: Node not configured with plugin directory").for_test(filename)
        args = None if arguments is None else dict(arguments)
        with event(self, "test_wal_plugin", filename=filename, lp=lp, db=db, arguments=args, cache_name=cache_name):
            return dryrun.test_wal_plugin(self._runtime, code, lp, db, args, cache_name)

    def test_schedule_plugin(
        self,
        filename: str,
        db: str,
        *,
        schedule: str | None = None,
        arguments: Mapping[str, str] | None = None,
        cache_name: str | None = None,
    ) -> dict[str, Any]:
        """Dry-run ``process_scheduled_call``: exactly what ``/api/v3/plugin_test/schedule`` answers.

        Args:
            filename, db, arguments, cache_name: as the endpoint takes them.
            schedule: a bare cron expression (no ``cron:``); the next time after now is the call time.
        """
        code = self._on("Plugin error: Node not configured with plugin directory").for_test(filename)
        args = None if arguments is None else dict(arguments)
        data = {"filename": filename, "db": db, "schedule": schedule, "arguments": args, "cache_name": cache_name}
        with event(self, "test_schedule_plugin", **data):
            return dryrun.test_schedule_plugin(self._runtime, code, db, schedule, args, cache_name)

    # -- what there is --------------------------------------------------------------------------------------------

    @property
    def cache(self) -> pd.DataFrame:
        """The plugin cache: namespace, database, trigger_name, key, value (live), type, expires_at, size_bytes."""
        with self._lock:
            return cache_frame(self._runtime.cache)

    def put_cached(
        self,
        key: str,
        value: Any,
        *,
        trigger: str | None = None,
        db: str | None = None,
        ttl: float | None = None,
    ) -> None:
        """Put a value into a trigger's cache, or without ``trigger`` into the global one, as a plugin would."""
        with event(self, "put_cached", key=key, value=copied(value), trigger=trigger, db=db, ttl=ttl):
            self._cache_of(trigger, db).put(key, value, ttl)

    @as_event
    def delete_cached(self, key: str, *, trigger: str | None = None, db: str | None = None) -> None:
        """Delete a value from a trigger's cache, or without ``trigger`` from the global one."""
        self._cache_of(trigger, db).delete(key)

    def _cache_of(self, trigger: str | None, db: str | None) -> PyCache:
        cache = self._runtime.cache
        own = cache.shared
        if trigger is not None:
            own = cache.of_trigger(self._runtime.triggers.get(trigger, db or "").key)
        return PyCache(cache, own, cache.shared, lambda *_: None)

    def logs(self, trigger: str | None = None, level: str | None = None) -> pd.DataFrame:
        """The log, oldest first, at most 10,000 rows: event_time, database, trigger_name, log_level, log_text."""
        return logs_frame(tuple(self._runtime.logbook), trigger, level)

    @property
    def runs(self) -> Runs:
        """The newest runs (100,000 are kept), oldest first."""
        return Runs(self._runtime.runs if self._clock.virtual else tuple(self._runtime.runs))

    @property
    def history(self) -> tuple[Event, ...]:
        """Everything that was asked of this engine, in order."""
        return tuple(self._history.events)

    def at(self, n: int) -> Engine:
        """Look at the session as it was after the event whose ``.id`` is ``n`` (0: the beginning).

        Returns:
            An engine that shows what there was and refuses what would change it; see :meth:`fork`.

        Raises:
            UsageError: there is no such event or it is no longer kept. ClockError: the clock is the wall clock.
        """
        with self._lock:
            past = self._history.rebuild(n)
        past._past = True
        return past

    def fork(self) -> Engine:
        """Give an engine that goes on from here; this one stays as it is."""
        with self._lock:
            return self._history.rebuild(self._history.count)

    def compare(self, a: Engine, b: Engine) -> Difference:
        """Give the row-aligned difference of two engines, or looks at their past: tables, logs, cache."""
        return diff_states(a, b)

    def replay(self, *, plugin: str | Path | Mapping[str, str], source: str | None = None) -> Replay:
        """Run the whole past through another version of a plugin.

        Args:
            plugin: the plugin's filename together with ``source=``, a path of a file of that name, or a mapping
                filename -> source.
            source: the other version's text.

        Returns:
            The engine it leads to and the difference from this one.
        """
        with self._lock:
            twin = self._history.rebuild(self._history.count, plugin_sources(plugin, source))
        return Replay(twin, diff_states(self, twin))

    def serve(self, *, host: str = "127.0.0.1", port: int = 8181, token: str | None = None) -> Served:
        """Serve the engine by HTTP and Flight on one port, in a background thread; ready when the call returns.

        Args:
            host: what to bind to; anything but loopback demands a token.
            port: 0 takes a free one.
            token: what clients must send; None: no authentication, any Authorization header is ignored.

        Returns:
            An object with ``.url``, ``.port`` and ``.stop()``; ``close()`` stops it too.

        Raises:
            UsageError: the extra ``server`` is not installed, the port is taken, or a token is missing.
        """
        from pe_kit.server.serving import Served

        served = Served(self, host, port, token)
        self._servers.append(served)
        self._runtime.own.ports = frozenset(one.port for one in self._servers)
        self._runtime.own.admit = served.admit
        return served

    def not_served(self, served: Served) -> None:
        """Forget a server that has stopped."""
        if served in self._servers:
            self._servers.remove(served)

    @property
    def is_virtual(self) -> bool:
        """True when time stands still until it is advanced."""
        return self._clock.virtual

    def topology(self) -> Topology:
        """Who feeds whom, from observed runs and from the plugins' source; possible feedback loops are marked."""
        return topology(self._runtime)

    def track(self, *kinds: str) -> None:
        """Look closely at the runs from now on: ``memory``, ``lines``, ``profile``; nothing named: no longer.

        A run that was tracked carries ``.tracked`` (peak_memory, lines, profile). Tracking slows plugins down.
        """
        self._runtime.tracker = Tracker(kinds) if kinds else None

    def workbench(self) -> Any:
        """The widget to compose and fire events with, and to look at what they did (JupyterLab, Notebook, VS Code)."""
        from pe_kit.notebook.workbench import Workbench

        return Workbench(self)

    def plot(self, what: str, db: str | None = None) -> Any:
        """Draw a table or the result of an SQL statement over time (Altair chart)."""
        from pe_kit.notebook.plot import plot

        return plot(self, what, db)

    def play(
        self,
        series: Series | Sequence[Series],
        db: str,
        *,
        every: str | timedelta | float = "1s",
        progress: bool = True,
    ) -> Outcome:
        """Let time pass and write made-up points (:func:`pe_kit.synth.series`) as they arrive, once ``every``."""
        from pe_kit.synth.play import play

        return play(self, series, db, every, progress=progress)

    def backtest(
        self,
        data: Any,
        db: str,
        *,
        table: str | None = None,
        tags: Sequence[str] = (),
        flush_every: str | timedelta | float = "1m",
        until: datetime | str | int | None = None,
        arrival: str | None = None,
        speed: float | None = None,
        resume: bool = False,
        progress: Any = True,
    ) -> Backtest:
        """Send data through the live triggers as time passes; schedules and TTLs fire in between.

        Args:
            data: what :meth:`write` takes; the path or URL of a Parquet, CSV, Arrow or line protocol file (streamed, so
                it may be larger than memory) or of a folder of Parquet files, or a list of such; a
                ``pyarrow.RecordBatchReader``. Files are in time order: what they have too late arrives late.
            db: the database.
            table, tags: for data that is not line protocol.
            flush_every: the length of a flush window, aligned to the epoch; a window is flushed at its end.
            until: stop before the window of this moment; time then passes up to it.
            arrival: the column that says when a row came, where that is not its time; it is not stored.
            speed: virtual seconds per real second; None: as fast as can be.
            resume: skip what lies before the engine's time, to go on after an interrupt.
            progress: True shows a bar; a function is called with (rows, virtual ns, real seconds).

        Returns:
            Backtest with ``.outcome``, ``.summary``, ``.compare(other)``, ``.plot()``. After Ctrl-C, what was done.
        """
        from pe_kit.backtest.run import backtest

        return backtest(self, data, db, table=table, tags=_names(tags), flush_every=flush_every, until=until,
                        arrival=arrival, speed=speed, resume=resume, progress=progress)  # fmt: skip

    def freeze(
        self,
        name: str,
        *,
        last: int | None = None,
        runs: Any = None,
        to: str | Path = "fixtures",
        as_: str = "fixture",
    ) -> Path:
        """Keep a slice of this session as a fixture, once it has happened again from scratch.

        Args:
            name: of the fixture's folder.
            last: only the newest so many events that can fire a plugin; what was there before them is loaded.
            runs: only the events from the first to the last of these runs (or run ids).
            to: the folder that it goes to.
            as_: ``fixture``, or the same thing as ``pytest`` file, ``script``, ``curl`` calls or ``commands``.

        Returns:
            The path of what was written: ``to/name`` for a fixture.

        Raises:
            FixtureError: the session does not reproduce; says which line of which run differs, and why it may.
            UsageError: the name, the slice or the form makes no sense.
        """
        from pe_kit.fixtures.freeze import freeze

        return freeze(self, name, last, runs, to, as_)

    def fidelity(self) -> pd.DataFrame:
        """The fidelity ledger: every simulated behaviour with its claim, source, test and status."""
        from pe_kit.ledger import ledger_frame

        return ledger_frame()

    # -- faults -----------------------------------------------------------------------------------------------------

    def inject(self, site: str, fault: str, *, when: Mapping[str, Any] | None = None, times: int | None = 1) -> None:
        """Let something go wrong on purpose; the run that it strikes says so.

        Args:
            site: ``query``, ``write_sync``, ``write_back``, ``cache``, ``batch``, ``call`` or ``http``.
            fault: what goes wrong there, see ``pe_kit.engine.faults.FAULTS``; some take a duration: ``slow:30s``.
            when: conditions: ``trigger``, ``nth`` (pass of the site), ``match`` (part of the SQL, key, database or
                URL), ``chance`` (drawn from the engine's seed).
            times: how often it strikes; None: every time.

        Raises:
            UsageError: an unknown site, fault or condition.
        """
        when = Faults().add(site, fault, when, times).when  # refused before it becomes an event
        with event(self, "inject", site=site, fault=fault, when=when, times=times):
            self._runtime.faults.add(site, fault, when, times)
            self._runtime.set_faults(self._runtime.faults)

    @property
    def faults(self) -> pd.DataFrame:
        """The injected faults: id, site, fault, when, times, seen (passes), struck."""
        return self._runtime.faults.frame()

    @as_event
    def clear_faults(self) -> None:
        """Take all injected faults back."""
        self._runtime.set_faults(Faults())

    def sweep_faults(
        self, scenario: Callable[[Engine], Any], *, progress: Callable[[int, int], None] | bool = True
    ) -> pd.DataFrame:
        """Run a scenario once for every site it passes and every fault that site can have.

        Args:
            scenario: a function of one Engine, called with a copy of this one each time.
            progress: True shows a line; a function is called with (runs done, runs to do).

        Returns:
            One row a run: site, nth, trigger, detail, fault, verdict (survived, lost data, wrote twice, raised,
            disabled itself), difference (the first one from the clean run).
        """
        from pe_kit.backtest.faultsweep import sweep_faults

        return sweep_faults(self, scenario, progress)

    def restart(self, *, keep_cache: bool | None = None) -> None:
        """Do what a server restart does.

        Imported plugin modules, the log and the last-value and distinct-value caches' contents go; dead triggers live
        again, but for those whose plugin is gone; schedules are aligned anew, missed ticks do not fire. The plugin
        cache goes too, unless ``keep_cache``; not given, it stays where there is a data folder and ``persist_cache``.
        """
        if keep_cache is None:
            keep_cache = self._durable is not None and self.persist_cache
        with self._lock:
            gone = self._look_up(trigger for trigger in self._runtime.triggers if not trigger.disabled)
            with event(self, "restart", keep_cache=keep_cache, **gone) as collector:
                self._random.seed(f"{self.seed} {collector.event.id}")  # a new process has no other's state
                self._runtime.restart(keep_cache, gone.get("missing", {}))


def _names(names: Sequence[str]) -> tuple[str, ...]:
    """Take a single name for what it is, not for its letters."""
    return (names,) if isinstance(names, str) else tuple(names)
