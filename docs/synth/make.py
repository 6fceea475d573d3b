"""A picture of each signal and imperfection; ``python docs/synth/make.py`` writes them and their page."""

from __future__ import annotations

import inspect
from pathlib import Path

from pe_kit import synth
from pe_kit.synth.imperfections import Imperfection
from pe_kit.synth.picture import Picture
from pe_kit.synth.signals import Signal

SIGNALS: dict[str, Signal] = {
    "constant": synth.constant(20),
    "sine": synth.sine("6h", 3),
    "sawtooth": synth.sawtooth("6h", 3),
    "random_walk": synth.random_walk(0.5),
    "counter": synth.counter(2.0, resets=0.01),
    "daily": synth.daily(),
    "weekly": synth.weekly(),
    "step": synth.step("8h", 2),
    "noise": synth.noise(1),
    "spikes": synth.spikes(0.02, 5),
    "drift": synth.drift(1, per="1d"),
    "states": synth.states(["off", "idle", "busy"]),
}
IMPERFECTIONS: dict[str, Imperfection] = {
    "gaps": synth.gaps(0.03, length="20m"),
    "late": synth.late(0.2, by="30m"),
    "out_of_order": synth.out_of_order(0.2),
    "duplicates": synth.duplicates(0.1, after="5m"),
    "nulls": synth.nulls(0.2),
    "type_flips": synth.type_flips(0.1),
    "clock_skew": synth.clock_skew("20m"),
    "jitter": synth.jitter("2m"),
    "bursts": synth.bursts(0.02, size=8, within="8m"),
    "outages": synth.outages(2, length="30m", lost=False),
}
OFFICE = 20 + synth.sine("1d", 3, phase=-0.3) + 2 * synth.daily() * synth.weekly() + synth.noise(0.2)

HEAD = """\
# Made-up data

`pe_kit.synth` makes up points and requests. Everything is seeded: equal seeds give equal bytes.

```python
from pe_kit import Engine, synth

temp = 20 + synth.sine("1d", 3, phase=-0.3) + 2 * synth.daily() * synth.weekly() + synth.noise(0.2)
rooms = synth.series("home", {"temp": temp}, {"room": ["Kitchen", "Bath"]}, every="10s", span="1h", seed=7)
worn = rooms | synth.late(0.05, by="2m") | synth.duplicates(0.01) | synth.nulls(0.02)

with Engine(start="2026-01-01") as engine:
    outcome = engine.play(worn, "sensors", every="1s")
```

![a week of temp](synth/office.svg)

`worn.arrow()`, `worn.frame()` and `worn.lp()` give the points in the order of their arrival. `worn.times` are event
times, `worn.arrivals` when the points reach the database: late points have the two apart. `type_flips` lives only in
`lp()`: an Arrow column holds one type, so `arrow()` and `frame()` refuse such a series and say so. Values that are not
finite are nulls, and a point without any value is no point: line protocol has words for neither.

`synth.requests(...)` makes up HTTP requests for `engine.request(path, **request)`, `synth.ticks(...)` the times when
a schedule fires, with jitter and missed ticks, for `engine.call(trigger, db, at=tick)`.

## Signals

Combine them with `+`, `-` and `*`, with each other or with numbers; `signal | np.abs` passes the values through a
function. In a notebook a signal shows its picture.
"""
MIDDLE = """\
## Imperfections

`series | imperfection` applies one, and the next to what came out. In the pictures (and in those that a series shows in
a notebook) blue points are as they were meant, orange ones arrive after their time (a thin line leads to their
arrival), violet ones have the tags and time of an earlier one, red ones have another type.
"""


def pictures() -> dict[str, Picture]:
    """Draw everything: name -> picture."""
    temp = 20 + synth.sine("4h", 3)
    plain = synth.series("home", {"temp": temp}, {"room": "Kitchen"}, every="3m", span="6h", seed=4)
    drawn = {"office": OFFICE.plot("7d", seed=4)}
    drawn |= {name: signal.plot("7d" if name == "weekly" else "1d", seed=4) for name, signal in SIGNALS.items()}
    drawn |= {name: (plain | spoilt).plot() for name, spoilt in IMPERFECTIONS.items()}
    return drawn


def page() -> str:
    """Write the page that shows the pictures, as Markdown."""
    signals = "\n".join(_entry(name, signal) for name, signal in SIGNALS.items())
    spoilt = "\n".join(_entry(name, imperfection) for name, imperfection in IMPERFECTIONS.items())
    return "\n".join([HEAD, signals, MIDDLE, spoilt])


def _entry(name: str, example: Signal | Imperfection) -> str:
    says = (inspect.getdoc(getattr(synth, name)) or "").replace("``", "`")
    return f"### {name}\n\n{says}\n\n`{example!r}`\n\n![{name}](synth/{name}.svg)\n"


if __name__ == "__main__":
    here = Path(__file__).parent
    here.with_suffix(".md").write_text(page(), encoding="utf-8")
    for name, picture in pictures().items():
        (here / f"{name}.svg").write_text(picture.svg + "\n", encoding="utf-8")
