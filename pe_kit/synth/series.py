"""Series: made-up points over tags, as Arrow, a frame or line protocol."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pe_kit.clock import as_ns, as_text
from pe_kit.duration import as_duration_ns
from pe_kit.errors import UsageError
from pe_kit.synth.picture import Picture
from pe_kit.synth.seeds import counted, stream
from pe_kit.synth.signals import EPOCH, Array, Duration, Grid, Signal, constant

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from pe_kit.synth.imperfections import Imperfection

__all__ = ["Column", "Series", "column_of", "series"]

_BLOCK = 1_000_000


class Column(NamedTuple):
    """The values of one field, a kind as in :class:`Signal`.

    ``valid`` and ``flipped`` are masks (None: all, none); flipped values are of ``flip_kind`` instead.
    """

    kind: str
    values: Array
    labels: tuple[str, ...] = ()
    valid: Array | None = None
    flipped: Array | None = None
    flip_kind: str = ""

    def take(self, rows: Any) -> Column:
        """The same field for the chosen rows (indices, a mask or a slice)."""
        return self._replace(
            values=self.values[rows],
            valid=None if self.valid is None else self.valid[rows],
            flipped=None if self.flipped is None else self.flipped[rows],
        )


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Points of one table in the order of their arrival; ``series | imperfection`` gives a worse one.

    Attributes:
        table: the measurement. tag_sets: what tags there are together; an absent tag is not in the dict.
        which: int32, the tag set of each point. times: int64 ns, event times, what line protocol carries.
        arrivals: int64 ns, ascending: when each point reaches the database, later than ``times`` for late ones.
        fields: name -> :class:`Column`. every: ns between points as meant. worn: how many imperfections it has.
    """

    table: str
    tag_sets: tuple[Mapping[str, str], ...]
    which: Array
    times: Array
    arrivals: Array
    fields: Mapping[str, Column]
    every: int
    seed: int = 0
    worn: int = 0

    def __len__(self) -> int:
        return len(self.times)

    def __or__(self, imperfection: Imperfection) -> Series:
        if not hasattr(imperfection, "apply"):
            return NotImplemented
        worse = imperfection.apply(self, stream(self.seed, "imperfection", self.worn))
        return replace(worse, worn=self.worn + 1)

    def __repr__(self) -> str:
        span = f" from {as_text(int(self.arrivals[0]))} to {as_text(int(self.arrivals[-1]))}" if len(self) else ""
        return f"<Series {self.table!r}: {len(self)} points of {len(self.tag_sets)} tag sets{span}>"

    def take(self, rows: Any) -> Series:
        """The chosen points (indices, a mask or a slice of positions), in the order given."""
        fields = {name: column.take(rows) for name, column in self.fields.items()}
        return replace(
            self, which=self.which[rows], times=self.times[rows], arrivals=self.arrivals[rows], fields=fields
        )

    def in_order(self) -> Series:
        """The same points sorted by arrival; those that arrive together keep their order."""
        if len(self) < 2 or bool((self.arrivals[1:] >= self.arrivals[:-1]).all()):
            return self
        return self.take(np.argsort(self.arrivals, kind="stable"))

    def between(self, start_ns: int, end_ns: int) -> Series:
        """The points that arrive after ``start_ns`` and not after ``end_ns``."""
        first, last = np.searchsorted(self.arrivals, [start_ns, end_ns], side="right")
        return self.take(slice(int(first), int(last)))

    def moved_to(self, start: datetime | str | int) -> Series:
        """The same points, shifted so that the earliest event or arrival happens at ``start``."""
        if not len(self):
            return self
        shift = as_ns(start) - min(int(self.times.min()), int(self.arrivals[0]))
        return replace(self, times=self.times + shift, arrivals=self.arrivals + shift)

    @property
    def tags(self) -> list[str]:
        """The tag keys, in the order in which they were first named."""
        return list(dict.fromkeys(key for tags in self.tag_sets for key in tags))

    @property
    def flipped(self) -> bool:
        """True when some value has another type than its field; Arrow and frames cannot hold such a series."""
        return any(c.flipped is not None and c.flipped.any() for c in self.fields.values())

    def arrow(self, arrival: str | None = None) -> pa.Table:
        """Give the points as an Arrow table: tags (dictionary), fields, ``time`` (timestamp[ns]).

        Args:
            arrival: also give the arrival times, as a column of this name.

        Raises:
            UsageError: values of a field have different types (``type_flips``); one Arrow column holds one type.
        """
        import pyarrow as pa

        columns: dict[str, Any] = {}
        for key in self.tags:
            values = sorted({tags[key] for tags in self.tag_sets if key in tags})
            number = np.array([values.index(t[key]) if key in t else -1 for t in self.tag_sets], dtype="int32")[
                self.which
            ]
            index = pa.array(number, mask=number < 0)
            columns[key] = pa.DictionaryArray.from_arrays(index, pa.array(values, pa.string()))
        for name, column in self.fields.items():
            if column.flipped is not None and column.flipped.any():
                raise UsageError(
                    f"field {name!r} changes its type in {int(column.flipped.sum())} of {len(self)} points, "
                    "an Arrow column holds one type",
                    mend="Use .lp(), which carries every type, or leave type_flips out.",
                )
            mask = None if column.valid is None else ~column.valid
            if column.kind == "s":
                labels = pa.array(column.labels, pa.string())
                columns[name] = labels.take(pa.array(column.values, mask=mask))
            else:
                columns[name] = pa.array(column.values, mask=mask)
        columns["time"] = pa.array(self.times).view(pa.timestamp("ns"))
        if arrival is not None:
            columns[arrival] = pa.array(self.arrivals).view(pa.timestamp("ns"))
        return pa.table(columns)

    def frame(self, arrival: str | None = None) -> pd.DataFrame:
        """Give the points as a pandas frame; columns, arguments and errors as :meth:`arrow`. Tags are categories."""
        frame: pd.DataFrame = self.arrow(arrival).to_pandas()
        return frame

    def lp(self) -> str:
        """Give the points as line protocol in order of arrival, timestamps in nanoseconds; every type is kept."""
        from pe_kit.synth.lines import render

        return "".join(render(self.take(slice(at, at + _BLOCK))) for at in range(0, len(self), _BLOCK))

    def plot(self, field: str | None = None) -> Picture:
        """Draw one field (the first, unless named) as dots, 2000 at most; ``docs/synth.md`` explains the colours."""
        name = next(iter(self.fields)) if field is None else field
        shown = self.take(np.unique(np.linspace(0, len(self) - 1, min(len(self), 2000)).astype("int64")))
        column = shown.fields[name]
        values = column.values.astype("float64")
        if column.valid is not None:
            values[~column.valid] = np.nan
        twice = np.ones(len(shown), dtype=bool)
        twice[np.unique(np.stack([shown.which, shown.times]), axis=1, return_index=True)[1]] = False
        marks = {"late": shown.arrivals > shown.times, "twice": twice}
        if column.flipped is not None:
            marks["flipped"] = column.flipped
        return Picture.dots(shown.times, values, shown.arrivals, marks, title=f"{self.table}.{name}")

    def _repr_html_(self) -> str:
        return self.plot()._repr_html_() if len(self) else repr(self)


def series(
    table: str,
    fields: Mapping[str, Signal | float | str],
    tags: Mapping[str, str | Sequence[str]] | Sequence[Mapping[str, str]] = (),
    *,
    start: datetime | str | int = EPOCH,
    every: Duration = "10s",
    points: int | None = None,
    span: Duration | None = None,
    seed: int = 0,
) -> Series:
    """Make up points: for each tag set one every ``every``, with one value of each field.

    Args:
        table: the measurement.
        fields: name -> signal; a number or a text stays the same.
        tags: name -> value or list of values, all combinations are made; or a list of tag sets as dicts.
        start: time of the first point. points: how many of each tag set (100 unless ``span`` says for how long).
        seed: of everything random in the signals and in the imperfections that are applied later.

    Raises:
        UsageError: no field, a column that is reserved or named twice, both ``points`` and ``span``.
    """
    if not fields:
        raise UsageError("a series needs at least one field", mend="For example fields={'value': synth.sine('1h')}.")
    stream(seed)  # refuses what is no seed
    if points is not None and span is not None:
        raise UsageError("give points or span, not both")
    gap = as_duration_ns(every)
    if gap <= 0:
        raise UsageError(f"points lie apart, every={every!r} is no distance", mend="For example every='10s'.")
    count = (as_duration_ns(span) // gap if span is not None else 100) if points is None else counted(points, "points")
    tag_sets = _tag_sets(tags)
    if wrong := ({key for keys in tag_sets for key in keys} & {*fields}) or ({"time"} & {*fields}):
        raise UsageError(f"column {min(wrong)!r} is there already", mend="Name the field otherwise.")
    width = len(tag_sets)
    ticks = as_ns(start) + np.arange(count, dtype="int64") * gap
    times = np.repeat(ticks, width)
    columns = {}
    for name, given in fields.items():
        signal = given if isinstance(given, Signal) else _fixed(name, given)
        columns[name] = column_of(signal, signal.values(Grid(ticks[:, None], width, seed, (name,))).ravel())
    which = np.tile(np.arange(width, dtype="int32"), count)
    made = Series(table, tag_sets, which, times, times, columns, gap, seed)
    return with_fields(made, columns)


def with_fields(points: Series, fields: Mapping[str, Column]) -> Series:
    """Replace the fields; points that have no value left vanish, as line protocol has no point without a field."""
    valid = [column.valid for column in fields.values()]
    worse = replace(points, fields=fields)
    if any(v is None for v in valid):
        return worse
    kept = np.logical_or.reduce([v for v in valid if v is not None])
    return worse if kept.all() else worse.take(kept)


def _fixed(name: str, value: float | str) -> Signal:
    if isinstance(value, str):
        return constant(0).string([value])
    if isinstance(value, bool):
        return constant(value).boolean()
    if not isinstance(value, Real):
        raise UsageError(f"field {name!r} is made from a signal, a number or a text, not from {type(value).__name__}")
    return constant(value).int64() if isinstance(value, Integral) else constant(float(value))


def column_of(signal: Signal, values: Array) -> Column:
    """Give a signal's values the kind that it says; what is not finite is no value."""
    finite = np.isfinite(values)
    valid = None if finite.all() else finite
    safe = values if valid is None else np.where(finite, values, 0.0)
    match signal.kind:
        case "i":
            return Column("i", np.rint(safe).astype("int64"), valid=valid)
        case "u":
            return Column("u", np.rint(np.maximum(safe, 0)).astype("uint64"), valid=valid)
        case "b":
            return Column("b", safe > 0.5, valid=valid)
        case "s":
            codes = np.rint(safe).astype("int64") % len(signal.labels)
            return Column("s", codes.astype("int32"), signal.labels, valid)
    return Column("f", safe, valid=valid)


def _tag_sets(tags: Mapping[str, str | Sequence[str]] | Sequence[Mapping[str, str]]) -> tuple[Mapping[str, str], ...]:
    if isinstance(tags, Mapping):
        pools = [[values] if isinstance(values, str) else _texts(key, values) for key, values in tags.items()]
        sets = [dict(zip(tags, combination, strict=True)) for combination in itertools.product(*pools)]
    else:
        sets = [dict(given) for given in tags] or [{}]
    for given in sets:
        for key, value in given.items():
            _texts(key, [value])
    if not sets:
        raise UsageError("a tag without values leaves no tag set", mend="Give every tag at least one value.")
    return tuple(sets)


def _texts(key: str, values: Sequence[str]) -> list[str]:
    if isinstance(values, Sequence) and all(isinstance(value, str) for value in values):
        return list(values)
    raise UsageError(f"tag {key!r} has a text or a list of texts, not {values!r:.80}")
