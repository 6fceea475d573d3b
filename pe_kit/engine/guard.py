"""Limits of one run: a watchdog that ends plugin code which takes too long, too much CPU time or too much memory.

It raises in the plugin's thread, again and again until the plugin has ended, so that no ``except`` holds it up. Work of
the engine on the plugin's behalf (a query, a write) is never cut short: the stop comes when it returns.
"""

from __future__ import annotations

import ctypes
import re
import resource
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any

from pe_kit.duration import as_duration_ns
from pe_kit.engine.limits import Limits
from pe_kit.errors import RunLimitError, UsageError

if TYPE_CHECKING:
    from pe_kit.engine.call import Call

__all__ = ["Guard", "as_bytes"]

_TICK, _IDLE_AFTER = 0.02, 50  # seconds; ticks without a run before the watchdog rests
_PAGE = resource.getpagesize()
_UNITS = {"": 1, "B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "kB": 10**3, "MB": 10**6, "GB": 10**9}
_clock, _cpu_of, _sleep = time.monotonic, time.clock_gettime, time.sleep  # the real ones, whatever is patched later
_get_ident, _main = threading.get_ident, threading.main_thread().ident
_raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc


class _Stop(BaseException):
    """Ends plugin code; no ``except Exception`` catches it."""


def as_bytes(value: int | str) -> int:
    """Read a size: an int of bytes, or text such as ``512MiB``.

    Raises:
        UsageError: it is none.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    match = re.fullmatch(r"(\d+)\s*([A-Za-z]*)", value.strip()) if isinstance(value, str) else None
    if match is None or match[2] not in _UNITS or not int(match[1]):
        raise UsageError(f"memory={value!r} is no size", mend="Write bytes, or text such as '512MiB' or '2GiB'.")
    return int(match[1]) * _UNITS[match[2]]


def _seconds(name: str, value: float | str | None) -> float | None:
    if value is None:
        return None
    ns = as_duration_ns(value)
    if ns <= 0:
        raise UsageError(f"{name}={value!r} leaves a run no time", mend="None means no limit.")
    return ns / 1e9


def _memory() -> tuple[int, int]:
    """Address space and resident bytes of this process."""
    with open("/proc/self/statm", "rb") as file:
        size, resident = file.read().split()[:2]
    return int(size) * _PAGE, int(resident) * _PAGE


class _Watch:
    """One run that is watched."""

    __slots__ = ("armed", "call", "cpu_clock", "cpu_end", "end", "ident", "raising", "resident_end", "tripped")

    def __init__(self, call: Call, ident: int) -> None:
        self.call = call
        self.ident = ident
        self.armed = True
        self.raising = False
        self.tripped = ""
        self.end = self.cpu_end = float("inf")
        self.cpu_clock = 0
        self.resident_end = 0

    def over(self) -> str:
        """The limit that is exceeded, if any."""
        if _clock() >= self.end:
            return "run_time"
        if self.cpu_clock and _cpu_of(self.cpu_clock) >= self.cpu_end:
            return "cpu_time"
        if self.resident_end and _memory()[1] > self.resident_end:
            return "memory"
        return ""


class _Watchdog:
    """One thread for all engines; it looks every few milliseconds while plugins run and rests otherwise."""

    def __init__(self) -> None:
        self._watches: dict[int, _Watch] = {}
        self._wake = threading.Event()
        self._resting = True
        self._seen = 0
        self._thread: threading.Thread | None = None

    def arm(self, watch: _Watch) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="pe_kit-limits", daemon=True)
            self._thread.start()
        self._watches[watch.ident] = watch
        self._seen += 1
        if self._resting:
            self._wake.set()

    def disarm(self, watch: _Watch, outer: _Watch | None) -> None:
        """End the watch; a stop that is already on its way is taken back."""
        watch.armed = False
        while watch.raising:
            _sleep(0)
        if watch.tripped:
            _raise_in(ctypes.c_ulong(watch.ident), None)
        if outer is None:
            self._watches.pop(watch.ident, None)
        else:
            self._watches[watch.ident] = outer

    def of(self, ident: int) -> _Watch | None:
        return self._watches.get(ident)

    def _run(self) -> None:
        quiet, seen = 0, -1
        while True:
            if quiet > _IDLE_AFTER:
                self._resting = True
                self._wake.wait()
                self._wake.clear()
                self._resting, quiet = False, 0
            _sleep(_TICK)
            quiet = 0 if self._watches or self._seen != seen else quiet + 1
            seen = self._seen
            for watch in list(self._watches.values()):
                self._look(watch)

    @staticmethod
    def _look(watch: _Watch) -> None:
        watch.tripped = watch.tripped or watch.over()
        if not watch.tripped:
            return
        watch.raising = True
        if watch.armed and watch.call.exposed:
            _raise_in(ctypes.c_ulong(watch.ident), ctypes.py_object(_Stop))
            if watch.ident == _main and signal.getsignal(signal.SIGALRM) is _on_alarm:
                signal.pthread_kill(watch.ident, signal.SIGALRM)  # wakes a blocking call
        watch.raising = False


_dog = _Watchdog()


def _on_alarm(number: int, frame: FrameType | None) -> None:
    """Nothing: that a signal was handled ends the wait, and the exception is on its way."""


class Guard:
    """The limits of an engine, put around each run. Reads ``run_time``, ``cpu_time`` and ``memory`` of :class:`Limits`.

    Raises:
        UsageError, DurationError: a limit that makes no sense.
    """

    def __init__(self, limits: Limits) -> None:
        self.run_time = _seconds("run_time", limits.run_time)
        self.cpu_time = _seconds("cpu_time", limits.cpu_time)
        self.memory = None if limits.memory is None else as_bytes(limits.memory)
        self._limits = limits
        for name in ("cascade_depth", "retries", "queue"):
            if not isinstance(getattr(limits, name), int) or getattr(limits, name) < (name == "queue"):
                raise UsageError(
                    f"{name}={getattr(limits, name)!r}", mend="It is a whole number, 0 or more (queue: 1)."
                )

    @property
    def active(self) -> bool:
        """True when there is a limit to watch."""
        return any(limit is not None for limit in (self.run_time, self.cpu_time, self.memory))

    def around(self, call: Call, body: Callable[[], Any]) -> Any:
        """Run ``body`` within the limits.

        Raises:
            RunLimitError: it went over one of them.
        """
        ident = _get_ident()
        watch, outer = _Watch(call, ident), _dog.of(ident)
        if self.run_time is not None:
            watch.end = _clock() + self.run_time
        if self.cpu_time is not None:
            watch.cpu_clock = time.pthread_getcpuclockid(ident)
            watch.cpu_end = _cpu_of(watch.cpu_clock) + self.cpu_time
        if self.memory is not None:
            size, resident = _memory()
            watch.resident_end = resident + self.memory
            call.address_limit = size + self.memory + self.memory // 4
        if ident == _main and signal.getsignal(signal.SIGALRM) is signal.SIG_DFL:
            signal.signal(signal.SIGALRM, _on_alarm)
        value: Any = None
        error: BaseException | None = None
        _dog.arm(watch)
        try:
            call.enter_plugin()
            value = body()
        except BaseException as raised:
            error = raised
        while watch.armed:
            try:
                call.leave_plugin()
                _dog.disarm(watch, outer)
            except _Stop:
                continue
        if watch.tripped:
            raise self._over(watch.tripped, call) from None
        if isinstance(error, MemoryError) and self.memory is not None:
            raise self._over("memory", call) from error
        if error is not None:
            raise error
        return value

    def _over(self, limit: str, call: Call) -> RunLimitError:
        trigger = call.work.trigger
        what = {"run_time": "ran longer than", "cpu_time": "used more CPU time than", "memory": "took more memory than"}
        return RunLimitError(
            f"trigger {trigger.name!r} ({trigger.path}) {what[limit]} Limits({limit}={getattr(self._limits, limit)!r})",
            mend="The server has no such limit: there it would go on, and events of this trigger would wait behind it.",
            limit=limit,
        )
