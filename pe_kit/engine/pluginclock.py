"""The plugin's own clock: time, sleep, randomness and ids follow the engine while a plugin runs in virtual time.

time-machine patches what tells the date; every other name gets a function that asks which plugin runs in this thread,
and does what it always did when none does. So the code around a call and other threads keep real time and real
randomness. Threads that the plugin starts read virtual time, but sleep and wait in real time.
"""

from __future__ import annotations

import functools
import math
import os
import random
import selectors
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from operator import attrgetter, itemgetter
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from pe_kit.engine.guard import end_threads
from pe_kit.errors import RunLimitError

if TYPE_CHECKING:
    from pe_kit.clock import Clock
    from pe_kit.engine.call import Call

__all__ = ["PluginClock", "patched", "running_call"]

_LAST_NS = 2**63 - 1
_LOCAL_ZONE = "UTC"  # the plugin's, whatever the machine's
_MULTICAST = 1 << 40  # of a made-up network address: no card has one like that
_RESOLUTION = {"resolution": 1e-6}  # a float of seconds since the epoch has no more; event loops rely on it
_get_ident = threading.get_ident
_running: dict[int, _Running] = {}  # thread -> the plugin call in it


class _Running:
    """One plugin call: its clock, and what it draws from, made when it is first used.

    What a call draws depends on the engine's seed and the call's number alone, not on what other calls drew.
    """

    __slots__ = ("_drawn", "call", "clock", "seed", "threads")

    def __init__(self, call: Call, clock: Clock, seed: int) -> None:
        self.call = call
        self.clock = clock
        self.seed = seed
        self.threads: list[threading.Thread] = []
        """Those that the plugin started, and their threads."""
        self._drawn: dict[str, Any] = {}

    @property
    def alone(self) -> bool:
        """No thread of the plugin's is alive."""
        return not any(thread.is_alive() for thread in self.threads)

    def source(self, name: str) -> random.Random:
        """A generator of this call; one a name, so that ids do not repeat in a plugin that seeds ``random``."""
        found = self._drawn.get(name)
        if found is None:
            found = self._drawn[name] = random.Random(f"{self.seed}/{self.call.id}/{name}")
        return found

    @property
    def legacy(self) -> Any:
        """What the functions of ``numpy.random`` draw from."""
        found = self._drawn.get("legacy")
        if found is None:
            from numpy.random import MT19937, RandomState

            found = self._drawn["legacy"] = RandomState(MT19937(self.source("numpy").getrandbits(128)))
        return found

    def sleep(self, seconds: float) -> None:
        """Let virtual time pass."""
        ns = round(seconds * 1_000_000_000)
        if self.clock.now_ns + ns > _LAST_NS:
            raise OverflowError("timestamp too large to convert to C _PyTime_t")
        self.call.pass_time(ns)


def _current() -> _Running | None:
    """The plugin call that the running code belongs to: that of this thread, or of the thread that started it."""
    ident = _get_ident()
    found = _running.get(ident)
    if found is None and _running:
        runs = list(_running.values())
        found = next((run for run in runs if any(thread.ident == ident for thread in run.threads)), None)
    return found


def running_call() -> Call | None:
    """The plugin call that the running code belongs to, in virtual time."""
    run = _current() if _running else None
    return None if run is None else run.call


def _reading(original: Callable[[], Any], shown: Callable[[int], Any]) -> Callable[[], Any]:
    @functools.wraps(original)
    def read() -> Any:
        run = _current()
        return original() if run is None else shown(run.clock.now_ns)

    return read


def _drawing(original: Callable[..., Any], instead: Callable[[_Running], Callable[..., Any]]) -> Callable[..., Any]:
    @functools.wraps(original)
    def draw(*args: Any, **kwargs: Any) -> Any:
        run = _current()
        return (original if run is None else instead(run))(*args, **kwargs)

    return draw


def _time() -> dict[str, Any]:
    there = vars(time)
    sleep, ctime, asctime, info, wall = time.sleep, time.ctime, time.asctime, time.get_clock_info, there["time"]

    def reading(shown: Callable[[int], Any], *names: str) -> dict[str, Any]:
        return {name: _reading(there[name], shown) for name in names}

    @functools.wraps(sleep)
    def virtual_sleep(seconds: Any, /) -> None:
        run = _running.get(_get_ident())  # no other thread moves the clock
        usual = isinstance(seconds, int | float) and 0 <= seconds < math.inf
        if run is None or not usual or not run.alone:
            sleep(seconds)
        if run is not None and usual:
            run.sleep(seconds)

    return {
        **reading(lambda ns: ns / 1e9, "monotonic", "perf_counter"),
        **reading(int, "monotonic_ns", "perf_counter_ns"),
        **reading(lambda _: 0.0, "process_time", "thread_time"),  # computing takes no virtual time
        **reading(lambda _: 0, "process_time_ns", "thread_time_ns"),
        "sleep": virtual_sleep,
        "get_clock_info": _drawing(info, lambda run: lambda name: SimpleNamespace(**vars(info(name)) | _RESOLUTION)),
        # without an argument both ask the machine in C; what they ask here is patched by time-machine
        "ctime": functools.wraps(ctime)(lambda seconds=None: ctime(wall() if seconds is None else seconds)),
        "asctime": functools.wraps(asctime)(lambda moment=None: asctime(moment or time.localtime())),
    }


def _functions_of(instance: object, module: object, pick: Callable[[_Running], Any]) -> dict[str, Any]:
    """A module's functions that are methods of its global generator, drawing from the running call's instead."""

    def instead(name: str) -> Callable[[_Running], Callable[..., Any]]:
        return lambda run: getattr(pick(run), name)

    found = {name: f for name, f in vars(module).items() if getattr(f, "__self__", None) is instance}
    return {name: _drawing(f, instead(f.__name__)) for name, f in found.items()}


def _seeding(seed: Callable[..., None]) -> Callable[..., None]:
    """``random.Random.seed`` without a seed."""

    @functools.wraps(seed)
    def seeded(self: random.Random, a: Any = None, version: int = 2) -> None:
        run = _current() if a is None else None
        seed(self, a if run is None else run.source("os").getrandbits(128), version)

    return seeded


def _starting(start: Callable[[threading.Thread], None]) -> Callable[[threading.Thread], None]:
    """Starting a thread: it is the plugin's, unless the kit makes it for itself."""

    @functools.wraps(start)
    def started(self: threading.Thread) -> None:
        run = _current()
        if run is not None and not self.name.startswith("pe_kit"):
            run.threads.append(self)
        start(self)

    return started


def _selecting(select: Callable[..., Any]) -> Callable[..., Any]:
    """Waiting in an event loop is sleeping; it takes real time too where something else could end it."""

    @functools.wraps(select)
    def wait(self: Any, timeout: float | None = None) -> Any:
        run = _running.get(_get_ident())
        if run is None or timeout is None or timeout <= 0:
            return select(self, timeout)
        alone = len(self.get_map()) <= 1 and run.alone  # 1: the loop's own way to be woken
        ready = select(self, 0 if alone else timeout)
        if not ready:
            run.sleep(max(round(timeout, 6), 1e-6))
        return ready

    return wait


class _GlobalState:
    """Stands for numpy's global RandomState where libraries take it from."""

    def __init__(self, original: Any) -> None:
        self._original = original

    def __getattr__(self, name: str) -> Any:
        run = _current()
        return getattr(self._original if run is None else run.legacy, name)


class _Patches:
    """All that is exchanged while at least one plugin runs, and put back as it was found."""

    def __init__(self) -> None:
        import numpy.random as numpy_random
        import time_machine
        from numpy.random import mtrand

        there, legacy = vars(random), vars(mtrand)["_rand"]
        urandom = _drawing(vars(os)["urandom"], lambda run: run.source("os").randbytes)
        node = _drawing(uuid.getnode, lambda run: lambda: run.source("os").getrandbits(48) | _MULTICAST)
        names: list[tuple[dict[str, Any], dict[str, Any]]] = [
            (vars(time), _time()),
            (vars(os), {"urandom": urandom}),
            (there, {**_functions_of(there["_inst"], random, lambda run: run.source("random")), "_urandom": urandom}),
            (vars(uuid), {"getnode": node}),
            (vars(numpy_random), _functions_of(legacy, numpy_random, attrgetter("legacy"))),
            (vars(mtrand), {"_rand": _GlobalState(legacy)}),
        ]
        self._names = [(namespace, new, itemgetter(*new, "__name__")) for namespace, new in names]
        self._methods: list[tuple[type, str, Any, Any]] = [
            (owner, name, vars(owner)[name], make(vars(owner)[name]))
            for owner, name, make in (
                (random.Random, "seed", _seeding),
                (selectors.DefaultSelector, "select", _selecting),
                (threading.Thread, "start", _starting),
            )
        ]
        self._found: list[tuple[Any, ...]] = []
        self._travel = time_machine.travel(0, tick=False)
        self._time_ns = _reading(attrgetter("time.time_ns")(time_machine.escape_hatch), int)
        self._lock = threading.Lock()
        self._users = self._calls = 0
        self._zone: str | None = None

    def enter(self, calls: int = 1) -> None:
        """A plugin begins; ``calls=0``: many are about to. The zone, which other code would see, is a plugin's only."""
        with self._lock:
            self._users += 1
            self._calls += calls
            if self._users == 1:
                self._travel.start().time_ns = self._time_ns
                self._found = [get(namespace) for namespace, _, get in self._names]
                for namespace, new, _ in self._names:
                    namespace.update(new)
                for owner, name, _, new in self._methods:
                    setattr(owner, name, new)
            if self._calls == calls == 1 and (time.timezone or time.daylight):
                self._zone = os.environ.get("TZ", "")
                os.environ["TZ"] = _LOCAL_ZONE
                time.tzset()

    def leave(self, calls: int = 1) -> None:
        """A plugin ends, or with ``calls=0`` many have."""
        with self._lock:
            self._users -= 1
            self._calls -= calls
            if self._zone is not None and not self._calls:
                os.environ["TZ"] = self._zone
                if not self._zone:
                    del os.environ["TZ"]
                self._zone = None
                time.tzset()
            if self._users:
                return
            for owner, name, old, _ in self._methods:
                setattr(owner, name, old)
            for (namespace, new, _), found in zip(self._names, self._found, strict=True):
                namespace.update(zip(new, found, strict=False))
            self._travel.stop()


@functools.cache
def _patches() -> _Patches:
    return _Patches()


@contextmanager
def patched() -> Iterator[None]:
    """Keep what is exchanged in place over many calls; outside of them it reads real time, as ever."""
    patches = _patches()
    patches.enter(calls=0)
    try:
        yield
    finally:
        patches.leave(calls=0)


class PluginClock:
    """Runs the plugin calls of one engine under its clock."""

    def __init__(self, clock: Clock, seed: int) -> None:
        self._clock = clock
        self._seed = seed

    def around(self, call: Call, body: Callable[[], Any]) -> Any:
        """Run ``body``, the plugin, under the engine's clock and seed."""
        patches, ident = _patches(), _get_ident()
        outer = _running.get(ident)  # a plugin may have an engine of its own
        patches.enter()
        running = _running[ident] = _Running(call, self._clock, self._seed)
        try:
            return body()
        except (RunLimitError, KeyboardInterrupt):  # its threads would go on by themselves
            end_threads(running.threads)
            raise
        finally:
            if outer is None:
                del _running[ident]
            else:
                _running[ident] = outer
            patches.leave()
