"""Ends a plugin from outside, at a limit or at Ctrl-C, and never cuts the engine's own work in two.

In the main thread a signal raises :class:`Stopped` in the plugin, which ends blocking calls too; in other threads the
interpreter raises it between two instructions. The first few leave a plugin time to clean up; from then on each brings
the next, so that no handler holds it up. One thread looks at the runs under way, and sleeps while there are none.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable
from functools import cache, partial
from time import monotonic, process_time, sleep
from types import FrameType
from typing import TYPE_CHECKING, Any

from pe_kit.engine.limits import Limits, as_bytes, as_seconds
from pe_kit.engine.memory import CEILING
from pe_kit.errors import RunLimitError

if sys.platform != "win32":
    from time import clock_gettime, pthread_getcpuclockid

if TYPE_CHECKING:
    from pe_kit.engine.call import Call

__all__ = ["Guard", "ShieldedLock", "Stopped", "end_threads", "interrupt_plugin", "shielded"]

TICK = 0.02  # real seconds between two looks at a run that is under way
IDLE = 1.0  # real seconds without a run after which nobody looks any more
PATIENCE = 0.2  # real seconds that threads of a stopped plugin have to end
LATE = 1.0  # real seconds after which a stop counts as late
INSIST = 3  # from this blow on each brings the next
_MAIN = threading.main_thread().ident
_SIGNAL: int = getattr(signal, "SIGURG", 0)  # ignored by default, and used by nearly nobody
_get_ident = threading.get_ident
_watches: dict[int, _Watch] = {}  # thread -> the plugin run in it
_ALARM: int = getattr(signal, "SIGALRM", 0)
_alarm_at = 0.0  # when it goes off next
_striking = threading.Lock()
_raise_in = ctypes.pythonapi["PyThreadState_SetAsyncExc"]  # at the thread's next jump back or call
_raise_in.restype = None

_DID = {"run_time": "ran longer than", "cpu_time": "used more CPU time than", "memory": "took more memory than"}
_MENDS = {
    "run_time": "The server has no such limit: there it would go on, and events of this trigger would wait behind it. "
    "In virtual time the clock stands still while a plugin computes: a loop that waits for time to pass needs "
    "time.sleep().",
    "cpu_time": "The server has no such limit: there it would go on, and events of this trigger would wait behind it.",
    "memory": "The server has no such limit: there the whole process would run out of memory.",
}


class Stopped(BaseException):
    """Raised inside a plugin that has to end; outside it becomes :class:`RunLimitError` or KeyboardInterrupt."""


def _insistent(ident: int) -> type[Stopped]:
    """A kind of Stopped of which, when one is made, the next is on its way: it meets the handler of the first.

    One is made when a handler takes it. The partial makes the next without a Python call, in which it would strike.
    """
    kind = type("Stopped", (Stopped,), {})
    kind.__init__ = partial(_raise_in, ctypes.c_ulong(ident), ctypes.py_object(kind))  # type: ignore[misc]
    return kind


class _Watch:
    """One run under way; ``hit`` is the limit that it went over, or ``interrupt``."""

    started = deadline = cpu_time = cpu_before = since = 0.0
    memory = blows = shields = 0
    hit = ""
    kind: type[BaseException] = Stopped
    closed = False

    def __init__(self, ident: int) -> None:
        self.ident = ident
        self.outer = _watches.get(ident)  # a plugin may have an engine of its own

    def strike(self, limit: str) -> None:
        """End the run: now, or when the engine's own work in it is done."""
        with _striking:
            self.hit = self.hit or limit
            self.since = self.since or monotonic()
            if self.shields:
                return
            self.blows += 1
            if self.blows == INSIST:
                self.kind = _insistent(self.ident)
            if self.ident == _MAIN and _have(_SIGNAL, _on_signal):
                signal.pthread_kill(self.ident, _SIGNAL)
            else:
                _throw(self.ident, self.kind)

    def look(self, now: float) -> float:
        """Strike when a limit is passed; gives the real seconds until the next look."""
        if self.hit:
            self.strike(self.hit)
        elif self.deadline and now >= self.deadline:
            self.strike("run_time")
        elif self.cpu_time and self._used(now) >= self.cpu_time:
            self.strike("cpu_time")
        elif self.memory and CEILING.resident() > self.memory:
            self.strike("memory")
        return min(TICK, self.deadline - now) if self.deadline > now else TICK

    def _used(self, now: float) -> float:
        """CPU time of the run; until the first look it is taken to have computed, as far as the process has."""
        used = clock_gettime(pthread_getcpuclockid(self.ident))
        if not self.cpu_before:
            self.cpu_before = used - min(now - self.started, process_time() - _watchman.cpu)
        return used - self.cpu_before

    def close(self) -> None:
        """Let nothing be thrown any more."""
        self.shields += 1
        with _striking:  # a blow under way falls before this
            if self.hit:
                _meet_blow(self.ident)
        if self.outer is not None:
            _watches[self.ident] = self.outer
        else:
            _watches.pop(self.ident, None)
        if self.memory:
            self.memory = 0
            CEILING.lift()
        self.closed = True


def _throw(ident: int, error: type[BaseException]) -> None:
    """Let the interpreter raise in a thread."""
    _raise_in(ctypes.c_ulong(ident), ctypes.py_object(error))


def _meet_blow(ident: int) -> None:
    """Raise, in this thread, what may be on its way to it.

    Taking it back would leave a flag up that only raising lowers, and CPython 3.11 starts no traced function (coverage,
    debuggers, ``engine.track("lines")``) while it is up: it spins.
    """
    try:
        _throw(ident, Stopped)
        for _ in range(3):  # jumps back, at which it is raised
            pass
    except Stopped:
        pass


def end_threads(threads: Iterable[threading.Thread]) -> None:
    """End the threads of a plugin that was stopped; one that blocks ends when its call returns."""
    until = monotonic() + PATIENCE
    alive = [thread for thread in threads if thread.is_alive() and thread.ident != _get_ident()]
    for thread in alive:
        _throw(thread.ident or 0, SystemExit)  # the one that threads end with in silence
    for thread in alive:
        thread.join(max(0.0, until - monotonic()))
    if alive:
        _meet_blow(_get_ident())  # lowers the flag that is up as long as one of them blocks


def _on_signal(number: int, frame: FrameType | None) -> None:
    watch = _watches.get(_get_ident())
    if watch is not None and watch.hit and not watch.shields:
        raise watch.kind


def _on_alarm(number: int, frame: FrameType | None) -> None:
    """The system's timer: C code that lets no other thread look may still look for signals."""
    watch, now = _watches.get(_get_ident()), monotonic()
    if watch is not None and watch.deadline and now >= watch.deadline:
        _set_alarm(now, now)
        watch.hit = watch.hit or "run_time"
        watch.since = watch.since or now
        _on_signal(number, frame)
    else:
        _set_alarm(now, 0.0 if watch is None else watch.deadline)


def _set_alarm(now: float, deadline: float) -> None:
    """Let the alarm go off once, soon after a deadline, 0 for never.

    It stays set for a while when a run ends, since setting it takes longer than many a plugin: one that goes off too
    early for the run under way is set anew.
    """
    global _alarm_at
    if _have(_ALARM, _on_alarm):
        _alarm_at = deadline + TICK if deadline else 0.0
        signal.setitimer(signal.ITIMER_REAL, max(_alarm_at - now, 0.0))


@cache
def _take_signals() -> None:
    """Take two signals in the main thread, unless someone else has them."""
    for number, handler in ((_SIGNAL, _on_signal), (_ALARM, _on_alarm)):
        if number and signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, handler)
    atexit.register(_set_alarm, 0.0, 0.0)  # it would end the process when the interpreter has let go of it


def _have(number: int, handler: Callable[[int, FrameType | None], None]) -> bool:
    return number > 0 and signal.getsignal(number) is handler


def interrupt_plugin() -> bool:
    """Ctrl-C: end the plugin that runs in this thread; False when none does."""
    watch = _watches.get(_get_ident())
    if watch is None:
        return False
    watch.hit = "interrupt"
    if not watch.shields:
        raise Stopped
    return True


class _Shield:
    """Around the engine's own work in a plugin's call: it is done as a whole before the plugin is stopped."""

    __slots__ = ()

    def __enter__(self) -> None:
        watch = _watches.get(_get_ident())
        if watch is not None:
            watch.shields += 1
            if watch.hit and watch.shields == 1:
                watch.shields = 0
                raise Stopped

    def __exit__(self, *_: object) -> None:
        watch = _watches.get(_get_ident())
        if watch is not None:
            watch.shields -= 1
            if watch.hit and not watch.shields:
                raise Stopped


shielded = _Shield()


class ShieldedLock(_Shield):
    """A reentrant lock whose holder is not stopped before it lets go."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = threading.RLock()

    def __enter__(self) -> None:
        super().__enter__()
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()
        super().__exit__()


class _Watchman:
    """The thread that looks at the runs."""

    def __init__(self) -> None:
        self.asleep = True
        self.cpu = 0.0  # of the process, when they were last looked at
        self._wake = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def rouse(self) -> None:
        """See to it that someone looks."""
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._look_on, name="pe_kit limits", daemon=True)
                self._thread.start()
        self._wake.set()

    def _look_on(self) -> None:
        self.asleep, seen = False, monotonic()
        while True:
            now, pause = monotonic(), TICK
            for watch in list(_watches.values()):
                seen, pause = now, min(pause, watch.look(now))
            self.cpu = process_time()
            if now - seen > IDLE:
                self.asleep = True
                if not _watches:  # a run that began before the line above has roused nobody
                    _set_alarm(now, 0.0)  # it would meet whoever takes the signal next
                    if begun := [watch.deadline for watch in list(_watches.values())]:  # which may have relied on it
                        _set_alarm(monotonic(), max(begun))
                    else:
                        self._wake.wait()
                self._wake.clear()
                self.asleep, seen = False, monotonic()
            else:
                sleep(max(pause, 0.001))


_watchman = _Watchman()


def _in_child() -> None:
    """After a fork there is one thread, nobody to look and no alarm."""
    global _watchman, _striking, _alarm_at
    _watchman, _striking, _alarm_at = _Watchman(), threading.Lock(), 0.0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)


class Guard:
    """Runs the plugin calls of one engine under the limits of one run: ``run_time``, ``cpu_time``, ``memory``."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._run_time = as_seconds("run_time", limits.run_time)
        self._cpu_time = as_seconds("cpu_time", limits.cpu_time) if sys.platform != "win32" else 0.0
        self._memory = as_bytes("memory", limits.memory) if CEILING.works else 0
        self._limited = bool(self._run_time or self._cpu_time or self._memory)

    def around(self, call: Call, body: Callable[[], Any]) -> Any:
        """Run ``body``, the plugin.

        Raises:
            RunLimitError: it went over a limit. KeyboardInterrupt: Ctrl-C. BaseException: what it raised.
        """
        watch, value, error = _Watch(_get_ident()), None, None
        if watch.ident == _MAIN:
            _take_signals()
        try:
            try:
                _watches[watch.ident] = watch
                if self._limited:
                    self._set(watch)
                value = body()
            finally:
                watch.shields += 1  # no call and no jump up to here: nothing strikes between the plugin's end and this
                if watch.kind is not Stopped:
                    watch.kind.__init__ = Stopped.__init__  # type: ignore[method-assign]
                while not watch.closed:
                    try:
                        watch.close()
                    except Stopped:
                        continue
        except BaseException as raised:
            error = raised
        if error is None and not watch.hit:
            return value
        try:
            raise self._reason(call, watch, error)
        finally:
            del error  # its traceback holds this frame

    def _set(self, watch: _Watch) -> None:
        now = monotonic()
        if self._run_time:
            watch.deadline = now + self._run_time
            if watch.ident == _MAIN and not now < _alarm_at <= watch.deadline + TICK:
                _set_alarm(now, watch.deadline)
        if self._cpu_time:
            watch.started, watch.cpu_time = now, self._cpu_time
        if self._memory:
            watch.memory = CEILING.set(self._memory, now)
        if _watchman.asleep:
            _watchman.rouse()

    def _reason(self, call: Call, watch: _Watch, error: BaseException | None) -> BaseException:
        limit = watch.hit or ("memory" if self._memory and isinstance(error, MemoryError) else "")
        if not limit and error is not None:
            return error
        found: BaseException
        if limit == "interrupt":
            found = KeyboardInterrupt()
        else:
            text = f"{call.title} {_DID[limit]} Limits({limit}={getattr(self._limits, limit)!r})"
            found = RunLimitError(text, mend=_MENDS[limit], limit=limit)
            if watch.since and monotonic() - watch.since > LATE:
                call.notes.append("it was stopped late, when a call that cannot be interrupted had returned")
        found.__context__, found.__suppress_context__ = error, True
        return found.with_traceback(error.__traceback__ if error is not None else None)
