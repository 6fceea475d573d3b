"""The engine under the wall clock: a background thread flushes the WAL and fires schedules, plugins run in threads.

One lock, the engine's, guards all state. It is let go while plugin code runs, so that a slow plugin holds nobody up and
a plugin may call the server that it runs in. A synchronous trigger has one call at a time, as in virtual time; an
asynchronous one has a thread for each event. Each thread gathers what its own call causes.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pe_kit.engine.collect import Collector
from pe_kit.engine.outcome import Run
from pe_kit.engine.records import Event
from pe_kit.engine.runtime import Runtime
from pe_kit.engine.trigger_table import Trigger
from pe_kit.engine.work import Work

if TYPE_CHECKING:
    from pe_kit.engine.call import Call
    from pe_kit.engine.invoke import Invocation
    from pe_kit.store.store import Written

__all__ = ["WallRuntime"]

KEPT_RUNS = 2_000  # it may run for weeks
KEPT_BATCHES = 20
LAST_CALLS = 5.0  # real seconds that close() waits for calls under way
GLANCE = 0.1  # real seconds between two looks for Ctrl-C


class WallRuntime(Runtime):
    """:class:`Runtime` in real time; made with the engine's lock, ended by :meth:`stop`."""

    def __init__(self, lock: threading.RLock, *args: Any) -> None:
        self._lock = lock
        self._local = threading.local()
        self._open: dict[int, Collector] = {}
        super().__init__(*args)
        self.runs: deque[Run] = deque(maxlen=KEPT_RUNS)
        self.kept: deque[Work] = deque(maxlen=KEPT_BATCHES)
        self._changed, self._flushed, self._ended = (threading.Condition(lock) for _ in range(3))
        self._flushes = 0
        self._last_event = 0
        self._wakes_at: int | None = None
        self._running: set[Work] = set()
        self._stopping = False
        self._thread = threading.Thread(target=self._tick_on, name="pe_kit wall clock", daemon=True)
        self._thread.start()

    # -- what is each thread's own --------------------------------------------------------------------------------

    @property
    def collector(self) -> Collector | None:
        """What gathers the runs of the call that this thread makes or works for."""
        return getattr(self._local, "collector", None)

    @collector.setter
    def collector(self, value: Collector | None) -> None:
        before = self.collector
        self._local.collector = value
        if value is not None:
            self._last_event = max(self._last_event, value.event.id)
            self._open[value.event.id] = value
        elif before is not None:
            self._open.pop(before.event.id, None)
            self._wake()

    @property
    def _executing(self) -> list[Call]:
        found: list[Call] | None = getattr(self._local, "executing", None)
        if found is None:
            found = self._local.executing = []
        return found

    @_executing.setter
    def _executing(self, value: list[Call]) -> None:
        self._local.executing = value

    # -- time -----------------------------------------------------------------------------------------------------

    def _wake(self) -> None:
        """Let the background thread look again, when something is due before it would."""
        due = self.next_due()
        if due is not None and (self._wakes_at is None or due < self._wakes_at):
            self._changed.notify()

    def _tick_on(self) -> None:
        with self._lock:
            while not self._stopping:
                due = self.next_due()  # never before now
                now = self.clock.now_ns
                if due is not None and due <= now:
                    self._tick(now)
                    continue
                self._wakes_at = due
                self._changed.wait(None if due is None else (due - now) / 1e9)
                self._wakes_at = 0  # nobody needs to wake it now

    def _tick(self, now: int) -> None:
        with self._gathering(Event(self._last_event, "tick", now, None, {})):
            for act in self.due_at(now):
                act()
            self.settle()

    @contextmanager
    def _gathering(self, event: Event) -> Iterator[None]:
        before = self.collector
        self._local.collector = self._open.get(event.id) if event.kind != "tick" else None
        if self._local.collector is None:
            self._local.collector = Collector(event, KEPT_RUNS)
        try:
            yield
        finally:
            self._local.collector = before

    def stop(self) -> None:
        """End it: what was written is flushed, calls under way get a few seconds to end."""
        with self._lock:
            if self._stopping:
                return
            self._stopping = True
            self._changed.notify()
            with self._gathering(Event(self._last_event, "tick", self.clock.now_ns, None, {})):
                self.flush()
                self.settle()
                self._ended.wait_for(lambda: not self._running, LAST_CALLS)
                self.flush()
        self._thread.join(LAST_CALLS)

    # -- writes -----------------------------------------------------------------------------------------------------

    def write(self, data: Any, database: str, cause: Call | None = None, **options: Any) -> Written:
        """As in virtual time; from any thread."""
        with self._lock:
            written = super().write(data, database, cause, **options)
            self._plugins_wrote = False  # the next flush is the background thread's
            self._wake()
            return written

    def flush(self) -> None:
        """Flush the WAL now; who waits for it goes on."""
        with self._lock:
            self._flushes += 1
            self._flushed.notify_all()
            super().flush()

    def carry(self) -> None:
        """Wait for the flush that carries what was just written."""
        with self._lock:
            mine = self._flushes
            while self._flushes == mine and self.store.pending and not self._stopping:
                self._flushed.wait(GLANCE * 10)
                if self.interrupted and threading.current_thread() is threading.main_thread():
                    raise KeyboardInterrupt

    def carry_back(self) -> None:
        """A call whose lines are written back ends with the flush that carries them."""
        self.carry()

    def is_interrupt(self, error: BaseException | None) -> bool:
        """Ctrl-C ends what the main thread waits for, and no plugin's thread."""
        return False

    # -- calls ------------------------------------------------------------------------------------------------------

    def _has_room(self, work: Work) -> bool:
        trigger, start = work.trigger, self.clock.now_ns
        if work.batch is not None:
            self._ended.wait_for(lambda: len(trigger.waiting) < self.limits.queue or self._stopping)
        trigger.stats.stalled_ns += self.clock.now_ns - start
        return True

    def settle(self) -> None:
        """Start what is ready; it runs in threads of its own."""
        while self._ready:
            work = self._ready.popleft()
            self._running.add(work)
            threading.Thread(target=self._work, args=(work,), name=f"pe_kit {work.trigger.name}", daemon=True).start()

    def _work(self, work: Work) -> None:
        with self._lock, self._gathering(work.event):
            try:
                self._execute(work)
            finally:
                self._running.discard(work)
                self.settle()
                self._wake()
                self._ended.notify_all()

    def _invoke(self, call: Call) -> Invocation:
        self._lock.release()
        try:
            return super()._invoke(call)
        finally:
            self._lock.acquire()

    def _await(self, work: Work, done: Callable[[], bool]) -> None:
        """Wait until a piece of work has its run, or will never have one; other threads go on meanwhile."""
        while not done() and (work in self._running or work in work.trigger.waiting) and not self._stopping:
            self._ended.wait(GLANCE)
            if self.interrupted and threading.current_thread() is threading.main_thread():
                raise KeyboardInterrupt

    def call_now(self, trigger: Trigger, call_time_ns: int) -> None:
        """Fire a schedule trigger and wait for its run."""
        collector = self.gatherer
        before = collector.count
        work = Work(trigger, collector.event, self.clock.now_ns, call_time_ns=call_time_ns)
        self.enqueue(work)
        self.settle()
        self._await(work, lambda: collector.count > before)

    def abandon(self) -> None:
        """After an interrupt: what runs in other threads goes on."""
