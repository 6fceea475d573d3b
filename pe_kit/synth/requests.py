"""Made-up HTTP requests for request triggers, and times at which to fire schedules."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np

from pe_kit.clock import as_ns
from pe_kit.duration import as_duration_ns
from pe_kit.synth.seeds import counted, probability, stream
from pe_kit.synth.series import column_of
from pe_kit.synth.signals import EPOCH, Duration, Grid, Signal

__all__ = ["requests", "ticks"]

Pool = Signal | Sequence[Any] | str | float | None
"""What a value is made from: a signal, a list to choose from, or itself."""


def ticks(
    every: Duration = "10s",
    count: int = 100,
    *,
    start: datetime | str | int = EPOCH,
    jitter: Duration = 0,
    missed: float = 0.0,
    seed: int = 0,
) -> list[int]:
    """Make up when a schedule fires: int ns, ascending, the first at ``start``.

    Each tick comes up to ``jitter`` late and is missed with chance ``missed``: ``engine.call(trigger, db, at=tick)``.
    """
    rng = stream(seed, "ticks")
    planned = as_ns(start) + np.arange(counted(count, "count"), dtype="int64") * as_duration_ns(every)
    late = planned + rng.integers(0, as_duration_ns(jitter) + 1, count)
    kept = rng.random(count) >= probability(missed)
    return [int(t) for t in np.sort(late[kept])]


def requests(
    count: int = 100,
    *,
    method: str | Sequence[str] = "POST",
    params: Mapping[str, Pool] | None = None,
    headers: Mapping[str, Pool] | None = None,
    body: Mapping[str, Pool] | str | None = None,
    broken: float = 0.0,
    start: datetime | str | int = EPOCH,
    every: Duration = "10s",
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Make up requests: dicts of method, params, headers and body for ``engine.request(path, **request)``.

    Args:
        params, headers: name -> what its values are made from; sent as text, None leaves the name out.
        body: name -> likewise, sent as a JSON object; or a text that every request sends.
        broken: chance of a request that no client should send: body cut off, empty, not UTF-8 or another JSON type,
            or parameters missing.
        start, every: the times at which signals are asked for their values.
    """
    times = as_ns(start) + np.arange(counted(count, "count"), dtype="int64")[:, None] * as_duration_ns(every)

    def column(part: str, name: str, pool: Pool) -> list[Any]:
        return _values(pool, Grid(times, 1, seed, ("requests", part, name)))

    methods = column("method", "", method)
    queries = _rows(count, {k: column("params", k, pool) for k, pool in (params or {}).items()})
    heads = _rows(count, {k: column("headers", k, pool) for k, pool in (headers or {}).items()})
    if isinstance(body, Mapping):
        objects = _rows(count, {k: column("body", k, pool) for k, pool in body.items()}, keep_none=True)
        bodies = [json.dumps(o, ensure_ascii=False).encode() for o in objects]
        heads = [{"content-type": "application/json", **h} for h in heads]
    else:
        bodies = [(body or "").encode()] * count
    made = [
        {"method": m, "params": _texts(q), "headers": _texts(h), "body": b}
        for m, q, h, b in zip(methods, queries, heads, bodies, strict=True)
    ]
    rng = stream(seed, "broken")
    for i in np.flatnonzero(rng.random(count) < probability(broken)):
        made[i] = _broken(made[i], rng)
    return made


def _values(pool: Pool, grid: Grid) -> list[Any]:
    if isinstance(pool, Signal):
        column = column_of(pool, pool.values(grid)[:, 0])
        found = [pool.labels[code] for code in column.values] if pool.kind == "s" else column.values.tolist()
        return found if column.valid is None else [v if ok else None for v, ok in zip(found, column.valid, strict=True)]
    if isinstance(pool, Sequence) and not isinstance(pool, str):
        return [pool[i] for i in grid.chance.integers(0, len(pool), len(grid.times))]
    return [pool] * len(grid.times)


def _rows(count: int, columns: Mapping[str, list[Any]], keep_none: bool = False) -> list[dict[str, Any]]:
    return [{k: v[i] for k, v in columns.items() if keep_none or v[i] is not None} for i in range(count)]


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {k: v if isinstance(v, str) else json.dumps(v) for k, v in values.items()}


def _broken(request: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    body: bytes = request["body"]
    ways: list[dict[str, Any]] = [
        {"body": b""},
        {"body": body[: len(body) // 2]},
        {"body": b"\xff\xfe" + body},
        {"body": b"[1, null]"},
    ]
    if request["params"]:
        ways.append({"params": {}})
    return {**request, **ways[int(rng.integers(0, len(ways)))]}
