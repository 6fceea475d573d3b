"""Strategies: everything that they make up is what the server takes, and a plugin's failures are found."""

from __future__ import annotations

import sys

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings

from pe_kit import Engine, testing
from pe_kit.engine.trigger import parse_spec
from pe_kit.errors import OutcomeError, UsageError
from pe_kit.lineprotocol.grammar import parse, parse_line

SCHEMA = {
    "home": {
        "tags": ["room", "floor, 2"],
        "fields": {"temp": "float64", "n": "int64", "u": "uint64", "on": "bool", "say so": "utf8"},
    },
    "odd table,": {"tags": [], "fields": {"v=": "float64"}},
}
KINDS = {"float64": float, "int64": int, "uint64": int, "bool": bool, "utf8": str}
calm = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.slow
@calm
@given(testing.line_protocol(SCHEMA))
def test_line_protocol_is_accepted_by_the_exact_grammar_and_by_the_store(lp):
    items = list(parse(lp))
    assert [item.error for item in items] == [None] * len(items)
    with Engine(plugin_dir=None) as engine:
        engine.write(lp, "db", precision="ns")
        assert set(engine.tables("db").table) == {item.line.measurement for item in items} <= set(SCHEMA)


@pytest.mark.slow
@calm
@given(testing.line_protocol(SCHEMA))
def test_the_lines_have_the_fields_of_the_schema_in_their_kinds(lp):
    letters = {"float64": "f", "int64": "i", "uint64": "u", "bool": "b", "utf8": "s"}
    for item in parse(lp):
        kinds = SCHEMA[item.line.measurement]["fields"]
        assert item.line.fields
        assert all(letters[kinds[name]] == kind for name, kind, _ in item.line.fields)


@calm
@given(testing.strategies._points(SCHEMA, 1, 10))
def test_a_line_says_exactly_what_its_row_holds(points):
    for point in points:
        read = parse_line(testing.strategies._line(point, SCHEMA))
        assert (read.measurement, dict(read.tags), read.timestamp) == (point.table, point.tags, point.time)
        assert {name: value for name, _, value in read.fields} == point.fields


@pytest.mark.slow
@calm
@given(testing.table_batches(SCHEMA))
def test_table_batches_have_the_shape_that_process_writes_gets(batches):
    names = [batch["table_name"] for batch in batches]
    assert len(set(names)) == len(names)
    for batch in batches:
        columns = SCHEMA[batch["table_name"]]
        assert list(batch) == ["table_name", "rows"]
        for row in batch["rows"]:
            assert list(row)[-1] == "time"
            assert isinstance(row["time"], int)
            fields = [name for name in row if name in columns["fields"]]
            assert fields
            assert all(type(row[name]) is KINDS[columns["fields"][name]] for name in fields)
            assert all(isinstance(row[name], str) for name in row if name not in (*fields, "time"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "wanted",
    [
        lambda rows: any("temp" not in row for row in rows),
        lambda rows: any("room" not in row for row in rows),
        lambda rows: any("新" in row for row in rows),
        lambda rows: any(row["time"] < testing.strategies.START_NS for row in rows),
        lambda rows: len({row["time"] for row in rows}) < len(rows),
        lambda rows: any(row.get("u") == 2**64 - 1 for row in rows),
        lambda rows: any(row.get("room", "").startswith("C:\\") for row in rows),
        lambda rows: any(not row.get("room", "a").isascii() for row in rows),
    ],
    ids=["null", "no tag", "new tag", "late", "same time", "largest", "escapes", "unicode"],
)
def test_the_cases_that_break_plugins_are_among_them(wanted):
    home = {"home": SCHEMA["home"]}
    quick = settings(max_examples=2000, deadline=None, database=None, phases=[Phase.generate])
    assert find(testing.table_batches(home, max_rows=5), lambda b: wanted(b[0]["rows"]), settings=quick)


@calm
@given(testing.trigger_specs())
def test_trigger_specs_are_accepted(spec):
    assert parse_spec(spec).kind in {"table", "all_tables", "cron", "every", "request"}


@calm
@given(testing.requests())
def test_requests_reach_a_request_plugin(request):
    source = (
        "def process_request(api, params, headers, body, args=None):\n    return {'params': params, 'size': len(body)}"
    )
    with Engine() as engine:
        engine.create_database("db")
        engine.write_plugin("p.py", source)
        engine.create_trigger("t", db="db", path="p.py", spec="request:x")
        response = engine.request("x", **request).response
        assert response.json() == {"params": request["params"], "size": len(request["body"])}


CALM = """
def process_writes(influxdb3_local, table_batches, args=None):
    with open(args["seen"], "a") as seen:
        seen.write(str(len(table_batches)))
"""


@pytest.mark.slow
def test_a_plugin_that_takes_everything_passes_given_as_source_or_file(tmp_path):
    path, seen = tmp_path / "calm.py", tmp_path / "seen"
    path.write_text(CALM)
    for plugin in (CALM, path, str(path)):
        testing.never_raises(plugin, SCHEMA, {"seen": str(seen)}, max_examples=10)
    counts = seen.read_text()
    assert len(counts) == 30, "each was called with ten batches"
    testing.never_raises(CALM, SCHEMA, {"seen": str(seen)}, spec="table:home", max_examples=10)
    assert set(seen.read_text()[30:]) <= {"0", "1"}, "a table trigger gets its table or nothing"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("row['temp']", "KeyError: 'temp'"),
        ("1 / row.get('n', 1)", "ZeroDivisionError"),
        ("row.get('room', '').encode('ascii')", "UnicodeEncodeError"),
        ("api.write(LineBuilder('out').float64_field('t', float('nan')))", "write-back was refused"),
    ],
)
def test_a_plugin_that_fails_on_some_batch_is_found_out_with_the_smallest_batch(body, says):
    source = f"def process_writes(api, batches, args=None):\n    for b in batches:\n        for row in b['rows']:\n            {body}\n"
    with pytest.raises(OutcomeError, match=says) as caught:
        testing.never_raises(source, {"home": SCHEMA["home"]})
    notes = "\n".join(caught.value.__notes__)
    assert "batch='home" in notes
    assert notes.count("\\n") <= 1, "one line is enough, now and then two remain"


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"home": {"tags": []}},
        {"home": {"tags": [], "fields": {}}},
        {"home": {"tags": [], "fields": {"t": "float"}}},
        {"home": {"tags": ["t"], "fields": {"t": "float64"}}},
        {"home": {"tags": ["time"], "fields": {"t": "float64"}}},
        {"#home": {"tags": [], "fields": {"t": "float64"}}},
    ],
)
def test_a_schema_that_is_none_is_refused(schema):
    with pytest.raises(UsageError):
        testing.line_protocol(schema)


def test_without_hypothesis_the_strategies_say_what_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    with pytest.raises(UsageError, match=r"need hypothesis(.|\n)*pip install hypothesis"):
        testing.line_protocol(SCHEMA)
