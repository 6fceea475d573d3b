"""The plugins' in-memory cache: namespaces, TTLs on the engine's clock, values by reference.

Behaviour: ``influxdb3_py_api/src/cache.rs`` of the emulated server.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from pe_kit.types import Now

__all__ = ["CacheEntry", "CacheStore", "Namespace", "PyCache", "typed"]

SWEEP_EVERY_NS = 10 * 1_000_000_000
TEST_TTL_NS = 30 * 60 * 1_000_000_000
SHARED_TEST_NAME = "_shared_test"
_MAX_SECONDS = 2.0**64

TriggerKey = tuple[str, str]
"""Database and trigger name."""


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """One value; ``expires_ns`` is None for a value that stays."""

    value: Any
    expires_ns: int | None


Namespace = dict[str, CacheEntry]


def typed(name: str, value: object, kind: type) -> None:
    """Refuse an argument of another type, in the words of the server's Python binding (pyo3)."""
    if not isinstance(value, kind):
        raise TypeError(f"argument '{name}': '{type(value).__name__}' object is not an instance of '{kind.__name__}'")


def ttl_as_ns(ttl: float | None) -> int | None:
    """Turn a ``ttl`` in seconds into nanoseconds, with the server's refusals."""
    if ttl is None:
        return None
    if isinstance(ttl, str | bytes) or (not hasattr(ttl, "__float__") and not hasattr(ttl, "__index__")):
        raise TypeError("argument 'ttl': must be real number, not " + type(ttl).__name__)
    seconds = float(ttl)
    if seconds < 0:
        raise ValueError("cannot convert float seconds to Duration: value is negative")
    if not seconds < _MAX_SECONDS:  # NaN is not less than anything
        raise ValueError("cannot convert float seconds to Duration: value is either too big or NaN")
    return round(seconds * 1_000_000_000)


class CacheStore:
    """All namespaces: one global, one a trigger, and a pair for each name used in dry runs."""

    def __init__(self, now: Now) -> None:
        self._now = now
        self._swept_ns = now()
        self.shared: Namespace = {}
        self.triggers: dict[TriggerKey, Namespace] = {}
        self.tests: dict[str, tuple[Namespace, Namespace]] = {}
        self.on_access: Callable[[str, str, Namespace, str], None] | None = None
        """Called with (operation, namespace name, namespace, key) before each access; faults hook in here."""
        self.touched: dict[int, tuple[Namespace, set[str]]] | None = None
        """Namespaces by identity, with the keys that were read or written: what may have changed."""

    def _all(self) -> Iterator[Namespace]:
        yield self.shared
        yield from list(self.triggers.values())
        for pair in list(self.tests.values()):
            yield from pair

    def sweep(self) -> None:
        """Drop what has expired, at most every 10 s, as the server does when ``cache`` is read."""
        now = self._now()
        if now - self._swept_ns < SWEEP_EVERY_NS:
            return
        self._swept_ns = now
        for namespace in self._all():
            for key in [k for k, e in list(namespace.items()) if e.expires_ns is not None and e.expires_ns <= now]:
                namespace.pop(key, None)

    def of_trigger(self, key: TriggerKey) -> Namespace:
        """Give the namespace of a trigger, made when it is first used."""
        return self.triggers.setdefault(key, {})

    def of_test(self, name: str | None) -> tuple[Namespace, Namespace]:
        """Give the (global, trigger) pair of a dry-run cache name."""
        return self.tests.setdefault(name or SHARED_TEST_NAME, ({}, {}))

    def drop_trigger(self, key: TriggerKey) -> None:
        """Forget a trigger's namespace: it was disabled, stopped or deleted."""
        self.triggers.pop(key, None)

    def drop_database(self, database: str) -> None:
        """Forget the namespaces of all triggers of a database."""
        for key in [k for k in self.triggers if k[0] == database]:
            del self.triggers[key]

    def clear(self) -> None:
        """Forget everything, as a restart does; the namespaces are new ones."""
        self.shared, self.triggers, self.tests = {}, {}, {}

    def entries(self) -> Iterator[tuple[str, str | None, str | None, str, CacheEntry]]:
        """Give (namespace, database, trigger, key, entry) of every value that has not expired."""
        now = self._now()

        def live(namespace: Namespace) -> Iterator[tuple[str, CacheEntry]]:
            return ((k, e) for k, e in list(namespace.items()) if e.expires_ns is None or e.expires_ns > now)

        for key, entry in live(self.shared):
            yield "global", None, None, key, entry
        for (database, trigger), namespace in list(self.triggers.items()):
            for key, entry in live(namespace):
                yield "trigger", database, trigger, key, entry
        for name, pair in list(self.tests.items()):
            for namespace in pair:
                for key, entry in live(namespace):
                    yield "test", None, name, key, entry

    def take(self, other: CacheStore) -> None:
        """Take over a snapshot's values; the snapshot stays as it is."""
        twin, _ = other.snapshot()
        self._swept_ns, self.shared, self.triggers, self.tests = twin._swept_ns, twin.shared, twin.triggers, twin.tests

    def snapshot(self) -> tuple[CacheStore, list[str]]:
        """Copy everything, values included.

        Returns:
            The copy, and the names of the values that cannot be copied: they are left out, never shared.
        """
        lost: list[str] = []
        memo: dict[int, Any] = {}

        def copied(namespace: Namespace, where: str) -> Namespace:
            out: Namespace = {}
            for key, entry in namespace.items():
                try:
                    out[key] = CacheEntry(copy.deepcopy(entry.value, memo), entry.expires_ns)
                except Exception:
                    lost.append(f"{where}:{key}")
            return out

        twin = CacheStore(self._now)
        twin._swept_ns = self._swept_ns
        twin.shared = copied(self.shared, "global")
        twin.triggers = {k: copied(n, f"{k[0]}.{k[1]}") for k, n in self.triggers.items()}
        twin.tests = {k: (copied(a, f"test {k}"), copied(b, f"test {k}")) for k, (a, b) in self.tests.items()}
        return twin, lost


class PyCache:
    """``influxdb3_local.cache`` of one call; named as on the server, whose ``TypeError`` texts hold the name."""

    __slots__ = ("_default_ttl", "_note", "_own", "_shared", "_store", "_test")

    def __init__(
        self,
        store: CacheStore,
        own: Namespace,
        shared: Namespace,
        note: Callable[[str, str, Any, Any], None],
        test: bool = False,
    ) -> None:
        self._store = store
        self._own = own
        self._shared = shared
        self._note = note
        self._test = test
        self._default_ttl = TEST_TTL_NS if test else None

    def _pick(self, key: str, use_global: bool | None, operation: str) -> tuple[str, Namespace]:
        typed("key", key, str)
        if use_global is not None:
            typed("use_global", use_global, bool)
        name, namespace = ("global", self._shared) if use_global else ("trigger", self._own)
        if self._store.on_access is not None:
            self._store.on_access(operation, name, namespace, key)
        if self._store.touched is not None and not self._test:
            self._store.touched.setdefault(id(namespace), (namespace, set()))[1].add(key)
        return ("test" if self._test else name), namespace

    def put(self, key: str, value: Any, ttl: float | None = None, use_global: bool | None = None) -> None:
        """Keep a reference to ``value``; ``ttl`` in seconds, None: for ever (30 minutes in dry runs)."""
        name, namespace = self._pick(key, use_global, "put")
        ttl_ns = ttl_as_ns(ttl)
        if ttl_ns is None:
            ttl_ns = self._default_ttl
        before = namespace.get(key)
        namespace[key] = CacheEntry(value, None if ttl_ns is None else self._store._now() + ttl_ns)
        self._note(name, key, None if before is None else before.value, value)

    def get(self, key: str, default: Any = None, use_global: bool | None = None) -> Any:
        """Give the value, or ``default`` when there is none or it has expired."""
        name, namespace = self._pick(key, use_global, "get")
        entry = namespace.get(key)
        if entry is None:
            return default
        if entry.expires_ns is not None and entry.expires_ns <= self._store._now():
            namespace.pop(key, None)
            self._note(name, key, entry.value, None)
            return default
        return entry.value

    def delete(self, key: str, use_global: bool | None = None) -> bool:
        """Drop a key; True if it was there, expired or not."""
        name, namespace = self._pick(key, use_global, "delete")
        entry = namespace.pop(key, None)
        if entry is None:
            return False
        self._note(name, key, entry.value, None)
        return True
