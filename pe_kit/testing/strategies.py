"""Hypothesis strategies: everything that a schema allows, and the property that a plugin never raises on it.

A schema is plain data: table -> its tags and the kinds of its fields (the server's names of types)::

    {"home": {"tags": ["room"], "fields": {"temp": "float64", "count": "int64"}}}
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict

from pe_kit.errors import UsageError, near_match
from pe_kit.fixtures.lines import spell
from pe_kit.lineprotocol.grammar import Line
from pe_kit.types import Row, TableBatch

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__all__ = ["TableSchema", "line_protocol", "never_raises", "requests", "table_batches", "trigger_specs"]

START_NS = 1_767_225_600_000_000_000  # 2026-01-01
DAY_NS = 86_400_000_000_000
KINDS = {"float64": "f", "int64": "i", "uint64": "u", "utf8": "s", "bool": "b"}  # the grammar's letters
RESERVED = ("time", "__chunk_order")
NEW_TAGS = ("new", "新", "a b", "x=y,z", "__new")


class TableSchema(TypedDict):
    """Tags of a table, and field name -> ``float64``, ``int64``, ``uint64``, ``utf8`` or ``bool``."""

    tags: list[str]
    fields: dict[str, str]


Schema = Mapping[str, TableSchema]


class _Point(NamedTuple):
    table: str
    tags: dict[str, str]
    fields: dict[str, Any]
    time: int | None


def _hypothesis() -> Any:
    try:
        from hypothesis import strategies
    except ImportError:
        raise UsageError(
            "the strategies of pe_kit.testing need hypothesis, which is not installed", mend="pip install hypothesis"
        ) from None
    return strategies


def line_protocol(schema: Schema, *, min_lines: int = 1, max_lines: int = 20) -> SearchStrategy[str]:
    """Line protocol that the server takes: absent fields, new tags, late points, duplicates, text of all sorts.

    Timestamps are nanoseconds around 2026-01-01, some missing; fields have the kinds of the schema, edges included.

    Raises:
        UsageError: the schema is none, or hypothesis is not installed.
    """
    points = _points(schema, min_lines, max_lines)
    made: SearchStrategy[str] = points.map(lambda drawn: "\n".join(_line(point, schema) for point in drawn))
    return made


def table_batches(schema: Schema, *, min_rows: int = 1, max_rows: int = 20) -> SearchStrategy[list[TableBatch]]:
    """What ``process_writes`` may get for such lines, made without an engine: tables in order of first appearance.

    Rows have their tags, then their fields, then ``time``; what a line lacks is absent.

    Raises:
        UsageError: as :func:`line_protocol`.
    """

    def batches(points: list[_Point]) -> list[TableBatch]:
        tables: dict[str, list[Row]] = {}
        for point in points:
            time = START_NS if point.time is None else point.time
            tables.setdefault(point.table, []).append({**point.tags, **point.fields, "time": time})
        return [{"table_name": name, "rows": rows} for name, rows in tables.items()]

    made: SearchStrategy[list[TableBatch]] = _points(schema, min_rows, max_rows).map(batches)
    return made


def requests() -> SearchStrategy[dict[str, Any]]:
    """Requests for ``engine.request(path, **request)``: all sorts of parameters, JSON, text and binary bodies."""
    st = _hypothesis()
    names = st.text(st.characters(categories=["Lu", "Ll", "Nd"], codec="ascii"), min_size=1, max_size=8)
    visible = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=12)
    leaf = st.none() | st.booleans() | st.integers() | st.floats() | _text(st)
    values = st.recursive(
        leaf, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_text(st), inner, max_size=3)
    )
    bodies = st.one_of(
        values.map(lambda value: json.dumps(value).encode()),
        _text(st).map(lambda text: text.encode()),
        st.binary(max_size=20),
    )
    made: SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
        {
            "method": st.sampled_from(["POST", "GET"]),
            "params": st.dictionaries(_text(st), _text(st), max_size=3),
            "headers": st.dictionaries(names, visible, max_size=3),
            "body": bodies,
        }
    )
    return made


def trigger_specs() -> SearchStrategy[str]:
    """Trigger specifications that the server accepts, of all five forms and in odd spellings."""
    st = _hypothesis()
    name = st.text(st.characters(codec="utf-8"), min_size=1, max_size=10).filter(lambda t: t.strip() and ":" not in t)
    units = [
        ("ns", 10**9),
        ("ms", 10**6),
        ("s", 10**6),
        ("min", 10**5),
        ("hours", 8000),
        ("days", 365),
        ("w", 52),
        ("y", 1),
    ]
    every = st.sampled_from(units).flatmap(lambda u: st.integers(1, u[1]).map(lambda n: f"every:{n}{u[0]}"))

    def field(low: int, high: int) -> Any:
        number = st.integers(low, high).map(str)
        span = st.tuples(st.integers(low, high), st.integers(low, high)).map(lambda p: f"{min(p)}-{max(p)}")
        steps = st.integers(1, max(2, high // 2)).map(lambda n: f"*/{n}")
        return st.one_of(st.just("*"), number, span, steps, st.lists(number, min_size=2, max_size=3).map(",".join))

    days = field(1, 7) | st.sampled_from(["MON-FRI", "sun", "?"])
    fields = (field(0, 59), field(0, 59), field(0, 23), field(1, 31), field(1, 12), days)
    cron = st.tuples(*fields).map(lambda parts: "cron:" + " ".join(parts)) | st.just("cron:@daily")
    made: SearchStrategy[str] = st.one_of(
        st.just("all_tables"),
        name.map(lambda n: f"table:{n}"),
        name.map(lambda n: f"request:{n}"),
        every,
        cron,
    )
    return made


def never_raises(
    plugin: str | Path,
    schema: Schema,
    arguments: Mapping[str, str] | None = None,
    *,
    spec: str = "all_tables",
    max_examples: int = 100,
) -> None:
    """Check that a plugin's ``process_writes`` does not fail on any batch of the schema.

    Every example is written to a fresh engine; a write-back that the database refuses counts as a failure too.

    Args:
        plugin: a file, or the source itself. arguments: of the trigger. spec: of the trigger.
        schema: see the module. max_examples: how many batches to try.

    Raises:
        OutcomeError: the plugin failed; hypothesis adds the smallest batch that it found, the plugin's own exception
            is the cause.
    """
    _hypothesis()
    from hypothesis import HealthCheck, Phase, given, settings

    from pe_kit.engine.engine import Engine

    is_file = isinstance(plugin, Path) or ("\n" not in plugin and plugin.endswith(".py"))
    source = Path(plugin).read_text(encoding="utf-8") if is_file else str(plugin)

    calm = settings(
        max_examples=max_examples,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "plugin.py").write_text(source, encoding="utf-8")

        @calm
        @given(line_protocol(schema))
        def check(batch: str) -> None:
            with Engine(start=START_NS, plugin_dir=folder) as engine:
                engine.create_database("db")
                engine.create_trigger("test", db="db", path="plugin.py", spec=spec, arguments=arguments)
                engine.write(batch, "db", precision="ns").raise_for_error()

        check()


def _text(st: Any) -> Any:
    """Short text with what breaks programs: blanks, quotes, commas, other alphabets, text that looks like a number."""
    odd = ["a b", "a,b", "a=b", 'say "hi"', "C:\\dir", "\\", '\\"', "naïve", "温度", "🙂"]
    odd += ["0", "-1", "NaN", "null", "None", "%", "{}", "$x"]
    return st.sampled_from(odd) | st.text(st.characters(codec="utf-8"), max_size=12)


def _points(schema: Schema, low: int, high: int) -> Any:
    """Lists of points of the schema's tables; now and then one has the tags and time of one before it."""
    st = _hypothesis()
    _check(schema)
    again = st.sampled_from([0, 0, 0, 0, 0, 0, 0, 1, 2])
    points = st.one_of([st.tuples(_table(st, name, columns), again) for name, columns in schema.items()])

    def repeated(drawn: list[tuple[_Point, int]]) -> list[_Point]:
        made: list[_Point] = []
        for number, (point, back) in enumerate(drawn):
            if back and number >= back and made[-back].table == point.table:
                point = point._replace(tags=made[-back].tags, time=made[-back].time)
            made.append(point)
        return made

    return st.lists(points, min_size=low, max_size=high).map(repeated)


def _table(st: Any, name: str, columns: TableSchema) -> Any:
    """Points of one table, each with some of its tags, perhaps a new one, and at least one of its fields."""
    text = _text(st).map(lambda t: "".join(c for c in t if c not in "\n\t").rstrip("\\") or "a")
    values = st.sampled_from(["a", "b"]) | text
    new = [key for key in NEW_TAGS if key not in (*columns["tags"], *columns["fields"])]
    extra = st.just({}) | st.dictionaries(st.sampled_from(new), values, max_size=1) if new else st.just({})
    known = st.fixed_dictionaries({}, optional=dict.fromkeys(columns["tags"], values))
    tags = st.tuples(known, extra).map(lambda both: both[0] | both[1])
    kinds = {field: _values(st, kind) for field, kind in columns["fields"].items()}
    fields = st.one_of([_with_field(st, first, kinds) for first in kinds])
    return st.builds(_Point, st.just(name), tags, fields, _times(st))


def _with_field(st: Any, first: str, kinds: Mapping[str, Any]) -> Any:
    """Fields of a line, one of them for sure: a filter would shrink worse."""
    others = {name: values for name, values in kinds.items() if name != first}
    return st.fixed_dictionaries({first: kinds[first]}, optional=others)


def _times(st: Any) -> Any:
    """Mostly around the start, some of them equal; late by up to a year; now and then none."""
    near = st.integers(0, 600).map(lambda seconds: START_NS + seconds * 10**9)
    late = st.integers(1, 365 * DAY_NS).map(lambda ns: START_NS - ns)
    return st.one_of(near, near, st.just(START_NS), late, st.none())


def _values(st: Any, kind: str) -> Any:
    match kind:
        case "float64":
            return st.floats(allow_nan=False, allow_infinity=False)
        case "int64":
            return st.sampled_from([0, -1, 2**63 - 1, -(2**63)]) | st.integers(-(2**63), 2**63 - 1)
        case "uint64":
            return st.sampled_from([0, 2**63, 2**64 - 1]) | st.integers(0, 2**64 - 1)
        case "utf8":
            return _text(st)
    return st.booleans()


def _line(point: _Point, schema: Schema) -> str:
    kinds = schema[point.table]["fields"]
    fields = tuple((name, KINDS[kinds[name]], value) for name, value in point.fields.items())
    return spell(Line(point.table, tuple(point.tags.items()), fields, point.time))


def _check(schema: Schema) -> None:
    if not schema:
        raise UsageError(
            "a schema needs at least one table", mend='For example {"home": {"tags": [], "fields": {"t": "float64"}}}.'
        )
    for table, columns in schema.items():
        if table.startswith("#"):
            raise UsageError(f"a line that begins with {table!r} is a comment", mend="Name the table otherwise.")
        if set(columns) != {"tags", "fields"} or not columns["fields"]:
            raise UsageError(f"table {table!r} needs 'tags' (may be empty) and 'fields' (may not)")
        _known(columns["fields"].values())
        names = [*columns["tags"], *columns["fields"]]
        for name in names:
            if name in RESERVED or names.count(name) > 1:
                raise UsageError(f"column {name!r} of table {table!r} is reserved or named twice")


def _known(kinds: Iterable[str]) -> None:
    for kind in kinds:
        if kind not in KINDS:
            raise UsageError(f"{kind!r} is no kind of field", mend=near_match(kind, KINDS, what="kinds"))
