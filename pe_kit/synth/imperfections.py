"""Imperfections: what happens to points on their way to the database. ``series | late(0.1, by="5m")``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pe_kit.duration import as_duration_ns
from pe_kit.errors import UsageError, near_match
from pe_kit.synth.seeds import counted, probability
from pe_kit.synth.series import Column, Series, with_fields
from pe_kit.synth.signals import Array, Duration

__all__ = [
    "Imperfection",
    "bursts",
    "clock_skew",
    "duplicates",
    "gaps",
    "jitter",
    "late",
    "nulls",
    "out_of_order",
    "outages",
    "type_flips",
]

Spoil = Callable[[Series, np.random.Generator], Series]


@dataclass(frozen=True, slots=True)
class Imperfection:
    """A way in which data goes bad. ``series | a | b`` applies ``a``, then ``b``, each with its own random stream."""

    text: str
    spoil: Spoil

    def apply(self, points: Series, rng: np.random.Generator) -> Series:
        """Give the spoilt points, sorted by arrival."""
        return self.spoil(points, rng).in_order()

    def __repr__(self) -> str:
        return self.text


def _hits(points: Series, rng: np.random.Generator, chance: float) -> Array:
    return np.flatnonzero(rng.random(len(points)) < chance)


def gaps(chance: float = 0.01, length: Duration | None = None) -> Imperfection:
    """Points are lost: each with ``chance``; with ``length`` the loss lasts that long for the tag set that it hits."""
    likely, ns = probability(chance), None if length is None else as_duration_ns(length)

    def spoil(points: Series, rng: np.random.Generator) -> Series:
        lost = rng.random(len(points)) < likely
        if ns is None:
            return points.take(~lost)
        order = np.lexsort((points.times, points.which))
        which, times, hit = points.which[order], points.times[order], lost[order]
        last = np.maximum.accumulate(np.where(hit, np.arange(len(points)), -1))  # the latest loss before each point
        inside = (last >= 0) & (which[last] == which) & (times - times[last] < ns)
        kept = np.ones(len(points), dtype=bool)
        kept[order[inside]] = False
        return points.take(kept)

    return Imperfection(f"gaps({chance}, length={length!r})", spoil)


def late(chance: float = 0.05, by: Duration = "5m") -> Imperfection:
    """Points arrive late: each with ``chance``, up to ``by`` after their time, all delays equally likely."""
    likely, ns = probability(chance), as_duration_ns(by)

    def spoil(points: Series, rng: np.random.Generator) -> Series:
        hit = _hits(points, rng, likely)
        arrivals = points.arrivals.copy()
        arrivals[hit] += rng.integers(0, ns + 1, len(hit))
        return replace(points, arrivals=arrivals)

    return Imperfection(f"late({chance}, by={by!r})", spoil)


def out_of_order(chance: float = 0.05, places: int = 5) -> Imperfection:
    """Points are overtaken: each with ``chance`` arrives together with and behind one of the next ``places`` points."""
    likely, most = probability(chance), counted(places, "places")

    def spoil(points: Series, rng: np.random.Generator) -> Series:
        hit = _hits(points, rng, likely)
        behind = np.minimum(hit + rng.integers(min(1, most), most + 1, len(hit)), len(points) - 1)
        arrivals, rank = points.arrivals.copy(), np.arange(len(points), dtype="float64")
        arrivals[hit] = points.arrivals[behind]
        rank[hit] = behind + 0.5
        return replace(points, arrivals=arrivals).take(np.argsort(rank, kind="stable"))

    return Imperfection(f"out_of_order({chance}, places={places})", spoil)


def duplicates(chance: float = 0.01, after: Duration = 0) -> Imperfection:
    """Points arrive twice: each with ``chance``, the copy up to ``after`` later."""
    likely, ns = probability(chance), as_duration_ns(after)

    def spoil(points: Series, rng: np.random.Generator) -> Series:
        hit = _hits(points, rng, likely)
        both = points.take(np.insert(np.arange(len(points)), hit + 1, hit))
        copies = hit + 1 + np.arange(len(hit))
        arrivals = both.arrivals.copy()
        arrivals[copies] += rng.integers(0, ns + 1, len(hit))
        return replace(both, arrivals=arrivals)

    return Imperfection(f"duplicates({chance}, after={after!r})", spoil)


def nulls(chance: float = 0.02, fields: Sequence[str] | None = None) -> Imperfection:
    """Values are missing: each with ``chance``, of all fields or of those named. A point without any value is lost."""
    likely = probability(chance)

    def spoil(points: Series, rng: np.random.Generator) -> Series:
        columns = dict(points.fields)
        for name in _chosen(points, fields):
            there = rng.random(len(points)) >= likely
            before = columns[name].valid
            columns[name] = columns[name]._replace(valid=there if before is None else before & there)
        return with_fields(points, columns)

    return Imperfection(f"nulls({chance}, fields={fields!r})", spoil)


def type_flips(chance: float = 0.001, fields: Sequence[str] | None = None, to: str | None = None) -> Imperfection:
    """Values come as another type, each with ``chance``; only ``lp()`` can carry them.

    ``to``: ``f`` float64, ``i`` int64, ``u`` uint64, ``b`` boolean, ``s`` string; unless given, floats become int64
    and all others float64.
    """
    likely = probability(chance)
    if to is not None and to not in {"f", "i", "u", "b", "s"}:
        raise UsageError(
            f"{to!r} is no kind of field", mend="Kinds: f float64, i int64, u uint64, b boolean, s string."
        )

    def spoil(points: Series, rng: np.random.Generator) -> Series:
        columns: dict[str, Column] = dict(points.fields)
        for name in _chosen(points, fields):
            kind = to or ("i" if columns[name].kind == "f" else "f")
            hit = rng.random(len(points)) < likely
            if kind != columns[name].kind:
                columns[name] = columns[name]._replace(flipped=hit, flip_kind=kind)
        return replace(points, fields=columns)

    return Imperfection(f"type_flips({chance}, fields={fields!r}, to={to!r})", spoil)


def clock_skew(by: Duration = "30s", share: float = 1.0) -> Imperfection:
    """Clocks are wrong: the event times of a tag set lie off by a constant, arrivals stay.

    Each tag set with chance ``share``; the constant is normal with standard deviation ``by``.
    """
    likely, ns = probability(share), as_duration_ns(by)

    def spoil(points: Series, rng: np.random.Generator) -> Series:
        width = len(points.tag_sets)
        offsets = np.rint(rng.standard_normal(width) * ns) * (rng.random(width) < likely)
        return replace(points, times=points.times + offsets.astype("int64")[points.which])

    return Imperfection(f"clock_skew({by!r}, share={share})", spoil)


def jitter(by: Duration = "1s") -> Imperfection:
    """Points are taken a little early or late: event and arrival time move together, up to ``by`` either way."""
    ns = as_duration_ns(by)

    def spoil(points: Series, rng: np.random.Generator) -> Series:
        off = rng.integers(-ns, ns + 1, len(points))
        return replace(points, times=points.times + off, arrivals=points.arrivals + off)

    return Imperfection(f"jitter({by!r})", spoil)


def bursts(chance: float = 0.001, size: int = 20, within: Duration = "1s") -> Imperfection:
    """A source floods: with ``chance`` a point is followed by ``size`` more of its kind, spread over ``within``."""
    likely, more_each, ns = probability(chance), counted(size, "size"), as_duration_ns(within)

    def spoil(points: Series, rng: np.random.Generator) -> Series:
        hit = _hits(points, rng, likely)
        extra = np.repeat(hit, more_each)
        off = np.zeros(len(points) + len(extra), dtype="int64")
        off[len(points) :] = rng.integers(1, max(2, ns), len(extra))
        more = points.take(np.concatenate([np.arange(len(points)), extra]))
        return replace(more, times=more.times + off, arrivals=more.arrivals + off)

    return Imperfection(f"bursts({chance}, size={size}, within={within!r})", spoil)


def outages(count: int = 1, length: Duration = "10m", lost: bool = True) -> Imperfection:
    """The network is down ``count`` times for ``length``: points are lost, or (``lost=False``) arrive at its end."""
    times, ns = counted(count, "count"), as_duration_ns(length)

    def spoil(points: Series, rng: np.random.Generator) -> Series:
        if not len(points) or not times:
            return points
        first, last = int(points.arrivals[0]), int(points.arrivals[-1])
        begins = np.sort(rng.integers(first, max(first, last - ns) + 1, times))
        begin = begins[np.searchsorted(begins, points.arrivals, side="right") - 1]
        down = (points.arrivals >= begin) & (points.arrivals < begin + ns)
        return points.take(~down) if lost else replace(points, arrivals=np.where(down, begin + ns, points.arrivals))

    return Imperfection(f"outages({count}, length={length!r}, lost={lost})", spoil)


def _chosen(points: Series, fields: Sequence[str] | None) -> list[str]:
    names = list(points.fields) if fields is None else list(fields)
    for name in names:
        if name not in points.fields:
            raise UsageError(
                f"there is no field {name!r} in the series", mend=near_match(name, points.fields, what="fields")
            )
    return names
