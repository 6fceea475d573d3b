"""The plugin cache in a data folder: what of it has changed since it was written down, and how it is read back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pe_kit.engine.cache import CacheEntry, CacheStore, Namespace
from pe_kit.store.journal import written
from pe_kit.store.pack import Packer, unpack, unwritable

if TYPE_CHECKING:
    from pe_kit.engine.engine import Engine

__all__ = ["KeptCache"]

Label = tuple[str, str] | None
"""A namespace of the cache: database and trigger; None is the global one."""


class KeptCache:
    """Knows what the folder has of an engine's plugin cache: a mark of each value, and when it expires."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: dict[Label, dict[str, tuple[str, int | None]]] = {}
        self._namespaces: dict[Label, Namespace] = {}
        self._named: set[tuple[str, str]] = set()

    @property
    def _cache(self) -> CacheStore:
        return self._engine._runtime.cache

    def watch(self) -> None:
        """Gather from now on what may have changed."""
        self._cache.touched = {}
        self._namespaces = self._all()

    def _all(self) -> dict[Label, Namespace]:
        found: dict[Label, Namespace] = {None: self._cache.shared}
        found.update(self._cache.triggers.items())
        return found

    def _namespace(self, label: list[str] | None) -> Namespace:
        return self._cache.shared if label is None else self._cache.of_trigger((label[0], label[1]))

    def unkept(self, namespace: str, key: str, value: Any) -> str:
        """Say once why a value cannot be stored."""
        if type(value) in (int, str, float, bool) or (namespace, key) in self._named:
            return ""
        names = unwritable(Packer().pack(value))
        if not names:
            return ""
        self._named.add((namespace, key))
        return f"the cached value {key!r} ({', '.join(dict.fromkeys(names))}) cannot be stored: it is lost at a restart"

    def changes(self, packer: Packer) -> dict[str, list[Any]]:
        """Give what has changed since the last call: namespaces that are gone, values, and keys that were dropped."""
        touched, self._cache.touched = self._cache.touched or {}, {}
        before, self._namespaces = self._namespaces, self._all()
        gone = [label for label, namespace in before.items() if self._namespaces.get(label) is not namespace]
        for label in gone:
            self._known.pop(label, None)
        labels = {id(namespace): label for label, namespace in self._namespaces.items()} if touched else {}
        put, dropped = [], []
        for identity, (namespace, keys) in touched.items():
            if identity not in labels:
                continue
            label = labels[identity]
            known = self._known.setdefault(label, {})
            for key in keys:
                entry = namespace.get(key)
                stored = None if entry is None else _packed(entry.value, packer)
                if stored is None:
                    if known.pop(key, None) is not None:
                        dropped.append([label, key])
                    continue
                assert entry is not None
                value, mark = stored
                if known.get(key) != (mark, entry.expires_ns):
                    known[key] = (mark, entry.expires_ns)
                    put.append([label, key, value, entry.expires_ns])
        return {k: v for k, v in (("gone", gone), ("cache", put), ("dropped", dropped)) if v}

    def redo(self, body: Mapping[str, Any], blobs: list[bytes]) -> None:
        """Do again what :meth:`changes` gave."""
        for label in body.get("gone", ()):
            self._namespace(label).clear()
        for stored in body.get("cache", ()):
            self.take(stored, blobs)
        for label, key in body.get("dropped", ()):
            self._namespace(label).pop(key, None)

    def take(self, stored: list[Any], blobs: list[bytes]) -> None:
        """Put one stored value back."""
        label, key, value, expires_ns = stored
        self._namespace(label)[key] = CacheEntry(unpack(value, blobs), expires_ns)
        self._known.setdefault(None if label is None else (label[0], label[1]), {})[key] = ("", None)

    def records(self) -> Iterator[bytes]:
        """Give all values that can be stored, one record each."""
        namespaces = self._all()
        self._known = {label: {k: v for k, v in known.items() if k in namespaces.get(label, {})}
                       for label, known in self._known.items() if label in namespaces}  # fmt: skip
        for label, namespace in namespaces.items():
            for key, entry in namespace.items():
                packer = Packer()
                packed = _packed(entry.value, packer)
                if packed is not None:
                    self._known.setdefault(label, {})[key] = (packed[1], entry.expires_ns)
                    yield written({"cache": [label, key, packed[0], entry.expires_ns]}, packer.blobs)


def _packed(value: Any, packer: Packer) -> tuple[Any, str] | None:
    """Pack a value with its mark, equal for equal values; None if it cannot be stored."""
    at = len(packer.blobs)
    packed = packer.pack(value)
    if unwritable(packed):
        del packer.blobs[at:]
        return None
    text = json.dumps(packed, ensure_ascii=False)
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass"))
    for blob in packer.blobs[at:]:
        digest.update(blob)
    return packed, text if len(text) <= 64 and len(packer.blobs) == at else digest.hexdigest()
