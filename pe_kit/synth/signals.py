"""Signals: values made up as functions of time, combined with ``+``, ``-``, ``*`` and ``|``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from numbers import Real
from typing import Any

import numpy as np

from pe_kit.clock import as_ns
from pe_kit.duration import as_duration_ns
from pe_kit.errors import UsageError
from pe_kit.synth.picture import Picture
from pe_kit.synth.seeds import probability, stream

__all__ = [
    "Grid",
    "Signal",
    "constant",
    "counter",
    "daily",
    "drift",
    "noise",
    "random_walk",
    "sawtooth",
    "sine",
    "spikes",
    "states",
    "step",
    "weekly",
]

Array = np.ndarray[Any, Any]
Duration = str | timedelta | float
DAY = 86_400 * 10**9
EPOCH = "2026-01-01T00:00:00Z"
OFFICE = (
    *(0.1, 0.1, 0.1, 0.1, 0.1, 0.15, 0.3, 0.6, 0.9, 1.0, 1.0, 0.95),
    *(0.8, 0.9, 1.0, 1.0, 0.95, 0.8, 0.6, 0.5, 0.4, 0.3, 0.2, 0.15),
)
WORKDAYS = (1.0, 1.0, 1.0, 1.0, 1.0, 0.4, 0.3)


@dataclass(frozen=True, slots=True)
class Grid:
    """Where a signal is asked for values: at ``times`` (int64 ns, a column) for ``width`` tag sets side by side."""

    times: Array
    width: int
    seed: int
    path: tuple[int | str, ...] = ()

    @property
    def shape(self) -> tuple[int, int]:
        """Points, tag sets."""
        return len(self.times), self.width

    @property
    def elapsed(self) -> Array:
        """Nanoseconds since the first point."""
        return self.times - self.times[:1]

    @property
    def chance(self) -> np.random.Generator:
        """The random stream of this place in the expression."""
        return stream(self.seed, *self.path)

    def branch(self, number: int) -> Grid:
        """The same grid for one operand: its random stream is its own."""
        return replace(self, path=(*self.path, number))


@dataclass(frozen=True, slots=True)
class Signal:
    """A value that changes over time.

    ``a + b``, ``a - b``, ``a * b`` combine two signals, or a signal and a number, point by point; ``a | f`` passes the
    values through ``f``, a function of one float array (``sine() | np.abs``). ``.int64()``, ``.uint64()``,
    ``.boolean()`` and ``.string(labels)`` say what kind of field it becomes; float64 otherwise.

    Attributes:
        text: how it was made. draw: grid -> float array that broadcasts to (points, tag sets).
        kind: ``f`` float64, ``i`` int64, ``u`` uint64, ``b`` boolean, ``s`` string. labels: a string signal's texts.
    """

    text: str
    draw: Callable[[Grid], Array]
    kind: str = "f"
    labels: tuple[str, ...] = ()

    __array_ufunc__ = None  # numpy's numbers leave the arithmetic to the signal

    def values(self, grid: Grid) -> Array:
        """Give the values as floats (labels as their numbers), shape (points, tag sets)."""
        with np.errstate(all="ignore"):  # what is not finite becomes a null
            return np.broadcast_to(np.asarray(self.draw(grid), dtype="float64"), grid.shape)

    def _with(self, other: Signal | float, sign: str, combine: Callable[[Array, Array], Array]) -> Signal:
        if isinstance(other, bool) or not isinstance(other, Signal | Real):
            raise UsageError(f"a signal is combined with a signal or a number, not with {type(other).__name__}")
        right = other if isinstance(other, Signal) else constant(other)
        text = f"({self.text} {sign} {right.text if isinstance(other, Signal) else other})"
        return Signal(text, lambda g: combine(self.draw(g.branch(0)), right.draw(g.branch(1))))

    def __add__(self, other: Signal | float) -> Signal:
        return self._with(other, "+", np.add)

    def __sub__(self, other: Signal | float) -> Signal:
        return self._with(other, "-", np.subtract)

    def __mul__(self, other: Signal | float) -> Signal:
        return self._with(other, "*", np.multiply)

    def __rsub__(self, other: float) -> Signal:
        return constant(other) - self

    __radd__ = __add__
    __rmul__ = __mul__

    def __or__(self, function: Callable[[Array], Array]) -> Signal:
        if not callable(function):
            raise UsageError("signal | f needs a function of one array", mend="For example sine() | np.abs.")
        name = getattr(function, "__name__", type(function).__name__)
        return replace(self, text=f"({self.text} | {name})", draw=lambda g: function(self.draw(g)))

    def int64(self) -> Signal:
        """Become an int64 field: values are rounded."""
        return replace(self, kind="i")

    def uint64(self) -> Signal:
        """Become a uint64 field: values are rounded, negative ones become 0."""
        return replace(self, kind="u")

    def boolean(self) -> Signal:
        """Become a boolean field: true above 0.5."""
        return replace(self, kind="b")

    def string(self, labels: Sequence[str]) -> Signal:
        """Become a string field: the rounded value picks the label, counted from 0 and round again past the end."""
        if not labels:
            raise UsageError("a string signal needs at least one label", mend="For example .string(['off', 'on']).")
        return replace(self, kind="s", labels=tuple(labels))

    def plot(self, span: Duration = "1d", points: int = 400, seed: int = 0) -> Picture:
        """Draw ``span`` of the signal as a small picture (SVG) that a notebook shows."""
        times = as_ns(EPOCH) + np.arange(points) * (as_duration_ns(span) // points)
        values = self.values(Grid(times[:, None], 1, seed))[:, 0]
        return Picture.line(times, values, title=self.text)

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return self.plot()._repr_html_()


def _period(period: Duration) -> int:
    ns = as_duration_ns(period)
    if ns <= 0:
        raise UsageError(f"a period is longer than nothing, not {period!r}", mend="For example '1h'.")
    return ns


def constant(value: float = 1.0, spread: float = 0.0) -> Signal:
    """The same value at all times; with ``spread`` each tag set has its own, normal around ``value``."""
    if not spread:
        return Signal(f"constant({value})", lambda _: np.full((1, 1), float(value)))
    return Signal(
        f"constant({value}, spread={spread})", lambda g: value + spread * g.chance.standard_normal((1, g.width))
    )


def sine(period: Duration = "1h", amplitude: float = 1.0, phase: float = 0.0) -> Signal:
    """A sine wave around 0, counted from 1970 UTC on. ``phase`` in turns: 0.25 is at its height at midnight."""
    ns = _period(period)
    return Signal(
        f"sine({period!r}, {amplitude})", lambda g: amplitude * np.sin(2 * np.pi * ((g.times % ns) / ns + phase))
    )


def sawtooth(period: Duration = "1h", amplitude: float = 1.0, phase: float = 0.0) -> Signal:
    """Rises from 0 to ``amplitude`` and falls back at once, every ``period``. ``phase`` in turns."""
    ns = _period(period)
    return Signal(f"sawtooth({period!r}, {amplitude})", lambda g: amplitude * (((g.times % ns) / ns + phase) % 1.0))


def random_walk(size: float = 1.0, start: float = 0.0) -> Signal:
    """Each point is the one before plus a normal step of standard deviation ``size``; the first is ``start``."""

    def draw(grid: Grid) -> Array:
        steps = size * grid.chance.standard_normal(grid.shape)
        steps[:1] = start
        return np.cumsum(steps, axis=0)

    return Signal(f"random_walk({size})", draw)


def counter(rate: float = 1.0, resets: float = 0.0) -> Signal:
    """A total that grows by ``rate`` a second (Poisson) and falls to 0 with chance ``resets`` at each point; int64."""
    chance = probability(resets)
    if rate < 0:
        raise UsageError(
            f"a counter only grows, its rate cannot be {rate}", mend="Negate the signal: counter(2.0) * -1."
        )

    def draw(grid: Grid) -> Array:
        rng = grid.chance
        seconds = np.diff(grid.times, axis=0, prepend=grid.times[:1]) / 1e9
        total = np.cumsum(rng.poisson(rate * seconds, grid.shape), axis=0)
        reset = rng.random(grid.shape) < chance
        reset[:1] = False
        return total - np.maximum.accumulate(np.where(reset, total, 0), axis=0)

    return Signal(f"counter({rate}, resets={resets})", draw, "i")


def daily(shape: Sequence[float] = OFFICE) -> Signal:
    """Repeats every day (UTC): values at equal distances from midnight on, straight lines between them."""
    if not shape:
        raise UsageError("a pattern needs at least one value", mend="For example daily([0, 1, 0.5]).")
    knots = np.array([*shape, shape[0]], dtype="float64")
    return Signal("daily()", lambda g: np.interp((g.times % DAY) / DAY * len(shape), np.arange(len(knots)), knots))


def weekly(shape: Sequence[float] = WORKDAYS) -> Signal:
    """One value for each day of the week (UTC), Monday first; ``daily() * weekly()`` is an office."""
    if len(shape) != 7:
        raise UsageError(
            f"a week has 7 days, not {len(shape)}", mend="Monday first: weekly([1, 1, 1, 1, 1, 0.4, 0.3])."
        )
    days = np.array(shape, dtype="float64")
    return Signal("weekly()", lambda g: days[(g.times // DAY + 3) % 7])


def step(at: Duration, height: float = 1.0) -> Signal:
    """0, and ``height`` from ``at`` on: a duration after the first point."""
    ns = as_duration_ns(at)
    return Signal(f"step({at!r}, {height})", lambda g: np.where(g.elapsed >= ns, float(height), 0.0))


def noise(size: float = 1.0) -> Signal:
    """Normal noise around 0 with standard deviation ``size``, each point on its own."""
    return Signal(f"noise({size})", lambda g: size * g.chance.standard_normal(g.shape))


def spikes(chance: float = 0.01, height: float = 5.0) -> Signal:
    """0, and with ``chance`` a single point of about ``height`` (half to one and a half times)."""
    likely = probability(chance)

    def draw(grid: Grid) -> Array:
        rng = grid.chance
        sizes = rng.uniform(0.5, 1.5, grid.shape)
        return np.where(rng.random(grid.shape) < likely, height * sizes, 0.0)

    return Signal(f"spikes({chance}, {height})", draw)


def drift(slope: float = 1.0, per: Duration = "1d") -> Signal:
    """A straight line from 0 at the first point on: ``slope`` every ``per``."""
    ns = _period(per)
    return Signal(f"drift({slope}, per={per!r})", lambda g: slope * (g.elapsed / ns))


def states(labels: Sequence[str], change: float = 0.02) -> Signal:
    """A string that stays for a while: at each point it changes to another label with chance ``change``."""
    likely = probability(change)

    def draw(grid: Grid) -> Array:
        rng = grid.chance
        jumps = rng.integers(1, max(2, len(labels)), grid.shape) * (rng.random(grid.shape) < likely)
        jumps[:1] = rng.integers(0, len(labels), (1, grid.width))
        return np.cumsum(jumps, axis=0) % len(labels)

    return Signal(f"states({list(labels)}, change={change})", draw).string(labels)
