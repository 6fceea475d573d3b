"""What happens between two calls of the user: flushes, deliveries, plugin calls, cascades, the passing of time.

One loop for everything. A flush gives each WAL trigger of a database one piece of work; a call that wrote something
causes another flush at the same virtual time, until nothing is left (:meth:`Runtime.settle`). Time moves from one due
moment to the next (:meth:`Runtime.run_until`); equal moments go: ends of calls, then the WAL flush, then schedules in
the order in which their triggers were made.
"""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from pe_kit.clock import Clock
from pe_kit.duration import format_duration
from pe_kit.engine.cache import CacheStore
from pe_kit.engine.call import Call
from pe_kit.engine.collect import Collector
from pe_kit.engine.faults import Faults
from pe_kit.engine.guard import Guard, shielded
from pe_kit.engine.invoke import Invocation, invoke
from pe_kit.engine.limits import Limits
from pe_kit.engine.localapi import PyPluginCallApi
from pe_kit.engine.outcome import Run
from pe_kit.engine.outgoing import HttpSite
from pe_kit.engine.ownserver import OwnServer, WouldHang
from pe_kit.engine.queue import EventQueue
from pe_kit.engine.records import Exchange, LogRow, Response
from pe_kit.engine.response import HANDLER_DOWN, to_response
from pe_kit.engine.stops import cascade_stop, retry_stop, self_wait_stop, table_missing
from pe_kit.engine.strike import before_call, on_cache, with_batch_faults
from pe_kit.engine.track import Tracker
from pe_kit.engine.trigger_table import Trigger, TriggerTable
from pe_kit.engine.work import Work

if TYPE_CHECKING:
    from pe_kit.engine.checkpoint import Checkpoint
    from pe_kit.plugins.source import PluginFolder
    from pe_kit.store.store import Store, Written

__all__ = ["KEPT_RUNS", "Runtime"]

KEPT_RUNS = 100_000
KEPT_BATCHES = 1_000
KEPT_LOG_ROWS = 10_000  # the server's ring buffer
PROGRESS_EVERY = 0.1  # real seconds between two calls of the progress callback

Progress = Callable[[int, int, int, int], None]
"""Called with (start, now, target) in virtual nanoseconds and the number of runs so far."""

Around = Callable[["Call", Callable[[], Any]], Any]
"""Runs plugin code, the second argument, of a call."""


class Runtime:
    """State and loop of one engine; :class:`pe_kit.Engine` is its face."""

    def __init__(
        self,
        clock: Clock,
        store: Store,
        folder: PluginFolder | None,
        limits: Limits,
        flush_interval_ns: int,
        rng: random.Random,
    ) -> None:
        self.clock = clock
        self.store = store
        self.folder = folder
        self.missing: dict[str, str] = {}
        """Plugin path -> what its runs say about requirements that are not installed."""
        self.limits = limits
        self.flush_interval_ns = flush_interval_ns
        self.ticks_from_ns = clock.now_ns
        self.triggers = TriggerTable()
        self.cache = CacheStore(lambda: clock.now_ns)
        self.logbook: deque[LogRow] = deque(maxlen=KEPT_LOG_ROWS)
        self.runs: deque[Run] = deque(maxlen=KEPT_RUNS)
        self.calls = 0
        self.collector: Collector | None = None
        self.progress: Progress | None = None
        self.tracker: Tracker | None = None
        self.faults = Faults()
        self.random = rng
        self.own = OwnServer()
        self.answers: Callable[[str, str], Exchange | None] | None = None
        """Answers outgoing HTTP calls, by method and URL, from a record; what it does not answer goes out."""
        self.on_moment: Callable[[], None] | None = None
        """Called after each moment while time passes; a data folder writes then."""
        self.unkept: Callable[[str, str, Any], str] | None = None
        """Says why a value put in the cache (namespace, key, value) will not survive a restart; a data folder does."""
        self.around: Around = Guard(limits).around
        """Runs plugin code; the guard is innermost, so that what else is around it ends as usual."""
        self.arguments_of: Callable[[Trigger], dict[str, str]] = lambda trigger: dict(trigger.arguments or {})
        self.kept: deque[Work] = deque(maxlen=KEPT_BATCHES)
        """The newest work with a batch, for :attr:`Run.batch`."""
        self._ready: deque[Work] = deque()
        self._ends = EventQueue()
        self._writers: dict[str, list[Call | None]] = {}
        self._plugins_wrote = False
        self.flush_due_ns: int | None = None
        self._executing: list[Call] = []
        self.interrupted = False
        self.sees_interrupts = False
        """Ctrl-C would be noted in ``interrupted``; without it, a KeyboardInterrupt is a plugin's own."""
        self.slept = False
        """A plugin let virtual time pass: what became due meanwhile waits."""

    @property
    def gatherer(self) -> Collector:
        """What gathers the runs of the call of the user that is under way."""
        assert self.collector is not None
        return self.collector

    # -- writes and flushes ------------------------------------------------------------------------------------

    def write(self, data: Any, database: str, cause: Call | None = None, **options: Any) -> Written:
        """Put data into the WAL buffer; ``cause`` is the call that wrote it, None for the user."""
        written = self.store.write(data, database, **options)
        self._writers.setdefault(database, []).append(cause)
        if cause is not None:
            self._plugins_wrote = True
        if self.flush_due_ns is None:
            passed = self.clock.now_ns - self.ticks_from_ns
            self.flush_due_ns = self.ticks_from_ns + (passed // self.flush_interval_ns + 1) * self.flush_interval_ns
        return written

    def flush_at(self, moment: int, database: str) -> None:
        """Say that the user's data for a database waits in the WAL buffer and is flushed at a moment."""
        self._writers.setdefault(database, []).append(None)
        self.flush_due_ns = moment

    def flush(self) -> None:
        """Flush the WAL: data becomes queryable, caches see it, and each WAL trigger gets its work."""
        batches = self.store.flush()
        writers, self._writers = self._writers, {}
        self._plugins_wrote = False
        self.flush_due_ns = None
        if not batches:
            return
        self.gatherer.flushes += 1
        for batch in batches:
            wrote = tuple(dict.fromkeys(writers.get(batch.database, ())))
            calls = () if None in wrote else tuple(c for c in wrote if c is not None)
            depth = 1 + max(c.work.depth for c in calls) if calls else 0
            triggers = self.triggers.wal_of(batch.database)
            if triggers and depth > self.limits.cascade_depth:
                self.gatherer.stop(cascade_stop(calls, batch, triggers, self.limits.cascade_depth))
                continue
            for trigger in list(triggers):
                event, now, causes = self.gatherer.event, self.clock.now_ns, calls
                if len(calls) > 1 and trigger.spec.kind == "table":
                    causes = tuple(c for c in calls if c.wrote_to(batch.database, trigger.spec.value)) or calls
                work = Work(trigger, event, now, batch=batch, causes=causes, depth=depth)
                for item in with_batch_faults(self, work) if self.faults else (work,):
                    self.enqueue(item)

    def is_interrupt(self, error: BaseException | None) -> bool:
        """Whether what left a plugin is Ctrl-C, and not a KeyboardInterrupt that the plugin itself raised."""
        return isinstance(error, KeyboardInterrupt) and (self.interrupted or not self.sees_interrupts)

    def put_around(self, layer: Around) -> None:
        """Run plugin code within one more layer."""
        within = self.around
        self.around = lambda call, body: layer(call, lambda: within(call, body))

    def carry(self) -> None:
        """See to it that what was just written is flushed before the writer goes on."""
        self.flush()

    def carry_back(self) -> None:
        """After a write-back: in virtual time the flush comes when all calls of the moment have ended."""

    def stop(self) -> None:
        """End what happens by itself: nothing in virtual time."""

    # -- work ----------------------------------------------------------------------------------------------------

    def enqueue(self, work: Work) -> None:
        """Hand work to a trigger; a synchronous trigger that is busy keeps it waiting."""
        trigger = work.trigger
        if trigger.run_async:
            self._ready.append(work)
        elif not trigger.busy:
            trigger.busy = True
            self._ready.append(work)
        elif self._has_room(work):
            trigger.waiting.append(work)

    def _has_room(self, work: Work) -> bool:
        """Wait, as the server's flush does, until the trigger's channel has room; virtual time passes meanwhile."""
        trigger, start = work.trigger, self.clock.now_ns
        while work.batch is not None and len(trigger.waiting) >= self.limits.queue:
            if not self._ends or any(call.work.trigger is trigger for call in self._executing):
                self.gatherer.stop(self_wait_stop(trigger, self.limits.queue))
                return False
            self._end_next()
        trigger.stats.stalled_ns += self.clock.now_ns - start
        return True

    def _end_next(self) -> None:
        due = self._ends.next_time()
        assert due is not None
        if due > self.clock.now_ns:
            self.clock.move_to(due)
        self._ends.pop()()
        while self._ready and not self._executing:
            self._execute(self._ready.popleft())

    def settle(self) -> None:
        """Run what is due at this moment, and what that causes, until nothing is left.

        What became due while a plugin slept fires after that.
        """
        self._settle()
        if self.slept:
            self.run_until(self.clock.now_ns)

    def _settle(self) -> None:
        while self._ready or self._plugins_wrote:
            while self._ready:
                self._execute(self._ready.popleft())
            if self._plugins_wrote:
                self.flush()

    def _execute(self, work: Work) -> Call | None:
        trigger = work.trigger
        if not trigger.running:
            self._drop(work, f"trigger {trigger.name!r} no longer runs: {trigger.stopped or 'it is disabled'}")
            return None
        spec = trigger.spec
        if work.batch is not None and spec.kind == "table" and not self.store.has_table(trigger.database, spec.value):
            if not trigger.run_async:
                self.triggers.stop(trigger, "its task died: table not found; disable and enable it, or restart")
            self.gatherer.note(table_missing(trigger))
            return None
        if self.faults:
            struck = before_call(self, work)
            if struck is None:
                self._drop(work, f"trigger {trigger.name!r} was disabled before its call")
                return None
            work = struck
        self.calls += 1
        trigger.stats.waited_ns += self.clock.now_ns - work.due_ns
        call = Call(self, work, self.calls)
        call.log("INFO", work.starting())
        self._executing.append(call)
        try:
            done = self._invoke(call)
        finally:
            self._executing.pop()
        if trigger.declared_ns and not self.is_interrupt(done.error):
            self._ends.put(self.clock.now_ns + trigger.declared_ns, lambda: self._end(call, done))
        else:
            self._end(call, done)
        return call

    def _invoke(self, call: Call) -> Invocation:
        work, trigger = call.work, call.work.trigger
        assert self.folder is not None
        try:
            code = work.code or self.folder.resolve(trigger.path).snapshot()
        except Exception as error:
            return Invocation(error=error)
        if work.batch is not None and work.code is None and trigger.error_behavior == "retry":
            call.work = work = replace(work, code=code)
        if HttpSite.left and self.clock.virtual:
            HttpSite.patch(code)
        arguments = None if trigger.arguments is None else self.arguments_of(trigger)
        given = work.given(PyPluginCallApi(call), arguments)

        def guarded(body: Callable[[], Any]) -> Any:
            run: Callable[[], Any] = partial(self.around, call, body)
            if self.tracker is not None:  # outside the limits, so that it always ends as usual
                run, call.tracked = self.tracker.watch(run, code)
            HttpSite.current = call if self.faults and not self.clock.virtual else None
            try:
                return run()
            finally:
                HttpSite.current = None

        answer = to_response if trigger.kind == "request" else None
        return invoke(code, trigger.spec.function, given, guarded, answer)

    def _end(self, call: Call, done: Invocation) -> None:
        """End a call: write back, log, answer, then what its error behaviour says."""
        trigger, kind = call.work.trigger, call.work.trigger.kind
        response = None
        if done.error is None:
            response = done.value if kind == "request" else None
            call.log("INFO", f"finished execution in {format_duration(self.clock.now_ns - call.started_ns)}")
            call.write_back(kind)
        else:
            response = call.failed(done.error, done.stage)
        call.ended_ns = self.clock.now_ns
        within = call.work.within
        if within is not None:
            within.answered.append((call, done, response))
        else:
            self._record(call, done, response)
        if done.error is not None and self.is_interrupt(done.error):
            trigger.waiting.clear()
            trigger.busy = False
            raise done.error
        if done.error is not None and kind != "request" and self._after_error(call):
            return
        self._next(trigger)

    def _record(self, call: Call, done: Invocation, response: Response | None) -> None:
        """Take the run of a call, then those of the calls that were made within it."""
        run = call.as_run(done, response)
        self.runs.append(run)
        self.gatherer.add(run)
        call.work.trigger.stats.count(run)
        for one in call.answered:
            self._record(*one)

    def _after_error(self, call: Call) -> bool:
        """Do what ``error_behavior`` says; True when the trigger goes on with the same work."""
        work, trigger = call.work, call.work.trigger
        if trigger.error_behavior == "retry":
            if work.attempt <= self.limits.retries:
                self._ready.appendleft(replace(work, attempt=work.attempt + 1, due_ns=self.clock.now_ns))
                return True
            self.gatherer.stop(retry_stop(trigger, self.limits.retries, call.run))
        elif trigger.error_behavior == "disable":
            self.triggers.stop(
                trigger, "stopped after an error (error_behavior=disable); the catalog still says enabled"
            )
            self.cache.drop_trigger(trigger.key)
        return False

    def _next(self, trigger: Trigger) -> None:
        if trigger.run_async:
            return
        if trigger.waiting:
            self._ready.append(trigger.waiting.popleft())
        else:
            trigger.busy = False

    def _drop(self, work: Work, why: str) -> None:
        self.gatherer.note(why)
        if not work.trigger.run_async:
            work.trigger.busy = False

    # -- requests and single calls ---------------------------------------------------------------------------

    def call_now(self, trigger: Trigger, call_time_ns: int) -> None:
        """Fire a schedule trigger with a scheduled time of the user's choice."""
        self.enqueue(Work(trigger, self.gatherer.event, self.clock.now_ns, call_time_ns=call_time_ns))
        self.settle()

    def request(self, trigger: Trigger, request: Mapping[str, Any]) -> Response:
        """Answer a request: the response waits for the call's end, and virtual time passes until then."""
        work = Work(trigger, self.gatherer.event, self.clock.now_ns, request=request)
        self.enqueue(work)
        self.settle()
        self._await(work, lambda: self._run_of(request) is not None)
        run = self._run_of(request)
        if run is None or run.response is None:
            return HANDLER_DOWN
        if run.response is HANDLER_DOWN:
            self.gatherer.note("HTTP does not allow the name of a header that the plugin gave: there is no response")
        return run.response

    def _await(self, work: Work, done: Callable[[], bool]) -> None:
        """Let virtual time pass until a piece of work has its run, or nothing is under way."""
        while self._ends and not done():
            self._end_next()
            self.settle()

    def request_within(self, caller: Call, trigger: Trigger, request: Mapping[str, Any]) -> Response:
        """Answer a request that a plugin sends to the server that runs it, while its own call waits.

        Raises:
            WouldHang: the trigger is busy with a call that waits for this one.
        """
        with caller.asking:
            asked_by = {call.work.trigger.key for call in self._executing}
            while trigger.busy and self._ends and trigger.key not in asked_by:
                self._end_next()
            if trigger.busy:
                raise WouldHang(f"trigger {trigger.name!r} has one call at a time and waits for itself: it times out")
            trigger.busy = not trigger.run_async
            event, depth = caller.work.event, caller.work.depth + 1
            work = Work(trigger, event, self.clock.now_ns, request=request, within=caller, depth=depth)
            with shielded:  # its own plugin is stopped by a watch of its own
                call = self._execute(work)
            while call is not None and call.ended_ns is None and self._ends:
                self._end_next()
            if call is None or call.ended_ns is None:
                return HANDLER_DOWN
            if call.written:
                self.flush()  # the server answers after the flush that carries what the plugin wrote
            return caller.answered[-1][2] or HANDLER_DOWN

    def _run_of(self, request: Mapping[str, Any]) -> Run | None:
        return next((run for run in self.gatherer.runs if run.request is request), None)

    # -- time ----------------------------------------------------------------------------------------------------

    def next_due(self) -> int | None:
        """The next moment at which something happens by itself, or None."""
        due = self._ends.next_time()
        flush = self.flush_due_ns
        if flush is not None and (due is None or flush < due):
            due = flush
        for trigger in self.triggers.scheduled():
            moment = trigger.next_ns
            if moment is not None and (trigger.run_async or not trigger.busy) and (due is None or moment < due):
                due = moment
        return None if due is None else max(due, self.clock.now_ns)

    def due_at(self, moment: int) -> Iterator[Callable[[], None]]:
        """Give what is due at a moment, in order: ends of calls, the flush, schedules."""
        while (end := self._ends.next_time()) is not None and end <= moment:
            yield self._ends.pop()
        if self.flush_due_ns is not None and self.flush_due_ns <= moment:
            yield self.flush
        for trigger in self.triggers.scheduled():
            due = trigger.next_ns
            if due is not None and due <= moment and (trigger.run_async or not trigger.busy):
                yield partial(self._fire, trigger, due)

    def _fire(self, trigger: Trigger, due: int) -> None:
        assert trigger.schedule is not None
        trigger.next_ns = trigger.schedule.following(due)
        self.enqueue(Work(trigger, self.gatherer.event, due, call_time_ns=due))

    def step(self) -> bool:
        """Do the next due thing only, and what that causes; False when nothing is due."""
        moment = self.next_due()
        if moment is None:
            return False
        self.clock.move_to(moment)
        next(self.due_at(moment))()
        self._settle()
        return True

    def run_until(self, target: int) -> None:
        """Let virtual time pass up to and including a moment.

        A KeyboardInterrupt leaves the clock at the last finished moment and everything usable.
        """
        self._settle()
        start, shown = self.clock.now_ns, time.perf_counter()
        while (moment := self.next_due()) is not None and moment <= target:
            self.clock.move_to(moment)
            for act in self.due_at(moment):
                act()
            self._settle()
            if self.on_moment is not None:
                self.on_moment()
            if self.interrupted:
                raise KeyboardInterrupt
            if self.progress is not None and time.perf_counter() - shown >= PROGRESS_EVERY:
                shown = time.perf_counter()
                self.progress(start, self.clock.now_ns, target, self.gatherer.count)
        self.slept = False
        self.clock.move_to(max(target, self.clock.now_ns))  # a plugin may have slept past it

    @property
    def quiet(self) -> bool:
        """True when no call is under way or waiting."""
        return not (self._ends or self._ready or any(t.waiting for t in self.triggers))

    def restore(self, checkpoint: Checkpoint, runs: Iterable[Run]) -> None:
        """Go back to a checkpoint; the runs are those until then."""
        self.ticks_from_ns = checkpoint.ticks_from_ns
        self.flush_due_ns = checkpoint.flush_due_ns
        self._writers = {database: [None] for database in checkpoint.writers}
        self.cache.take(checkpoint.cache)
        self.logbook.extend(checkpoint.logbook)
        self.calls = checkpoint.calls
        self.runs.extend(runs)
        self.set_faults(checkpoint.faults.copy())
        self.triggers.take((t.copy() for t in checkpoint.triggers), checkpoint.routes)

    def restart(self, keep_cache: bool, missing: Mapping[str, str]) -> None:
        """Start every task anew, with nothing that lived in memory only; ``missing`` as in :meth:`start`."""
        self.abandon()
        self.lose_memory(keep_cache)
        self.triggers.routes.clear()
        for trigger in self.triggers:
            if not trigger.disabled:
                self.start(trigger, missing)

    def start(self, trigger: Trigger, missing: Mapping[str, str]) -> None:
        """Start a task, unless its plugin is among the missing ones: path -> the error."""
        error = missing.get(trigger.path)
        if error is None:
            self.triggers.start(trigger, self.clock.now_ns)
            return
        trigger.stop(f"its task did not start: {error}; put the plugin back, then disable and enable it, or restart")
        self.triggers.changed()

    def lose_memory(self, keep_cache: bool = False) -> None:
        """Forget what lives in memory only: log, caches, imported plugin packages."""
        self.logbook.clear()
        self.store.clear_caches()
        if self.folder is not None:
            self.folder.forget_modules()
        if not keep_cache:
            self.cache.clear()

    @property
    def current_call(self) -> Call | None:
        """The call under way, None outside plugin code."""
        return self._executing[-1] if self._executing else None

    def set_faults(self, faults: Faults) -> None:
        """Work under these rules from now on."""
        self.faults = faults
        self.cache.on_access = partial(on_cache, self) if faults else None
        if faults:
            HttpSite.patch()

    def abandon(self) -> None:
        """Forget work in progress, after an interrupt."""
        self._ready.clear()
        self._executing.clear()
        for trigger in self.triggers:
            trigger.waiting.clear()
            trigger.busy = False
        self._ends.clear()
