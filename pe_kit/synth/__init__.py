"""Signals and events made up, seeded: equal seeds give equal bytes.

``series("home", {"temp": sine("1d", 3) + noise(0.2) + 20}, {"room": ["Kitchen", "Bath"]}) | late(0.05, by="2m")`` is a
table's points on their way to the database: ``.arrow()``, ``.frame()`` and ``.lp()`` give them, ``engine.play`` writes
them as time passes.
"""

from __future__ import annotations

from pe_kit.synth.imperfections import (
    Imperfection,
    bursts,
    clock_skew,
    duplicates,
    gaps,
    jitter,
    late,
    nulls,
    out_of_order,
    outages,
    type_flips,
)
from pe_kit.synth.requests import requests, ticks
from pe_kit.synth.series import Series, series
from pe_kit.synth.signals import (
    Signal,
    constant,
    counter,
    daily,
    drift,
    noise,
    random_walk,
    sawtooth,
    sine,
    spikes,
    states,
    step,
    weekly,
)

__all__ = [
    "Imperfection",
    "Series",
    "Signal",
    "bursts",
    "clock_skew",
    "constant",
    "counter",
    "daily",
    "drift",
    "duplicates",
    "gaps",
    "jitter",
    "late",
    "noise",
    "nulls",
    "out_of_order",
    "outages",
    "random_walk",
    "requests",
    "sawtooth",
    "series",
    "sine",
    "spikes",
    "states",
    "step",
    "ticks",
    "type_flips",
    "weekly",
]
