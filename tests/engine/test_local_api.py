"""influxdb3_local (influxdb3_py_api/src/system_py.rs)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pe_kit import Engine

Plug = Callable[..., None]


def run(engine: Engine, plug: Plug, body: str, **options: object):  # type: ignore[no-untyped-def]
    lines = "\n".join(f"    {line}" for line in body.strip("\n").splitlines())
    plug(f"def process_scheduled_call(influxdb3_local, call_time, args=None):\n{lines}\n", "every:1d", **options)
    return engine.call("t", "db").run


def texts(run) -> list[str]:  # type: ignore[no-untyped-def]
    return list(run.logs.log_text)[1:]


def test_it_has_exactly_nine_public_names(engine: Engine, plug: Plug) -> None:
    result = run(engine, plug, "influxdb3_local.info(sorted(n for n in dir(influxdb3_local) if not n.startswith('_')))")
    assert texts(result)[0] == str(
        sorted(["info", "warn", "error", "query", "write", "write_to_db", "write_sync", "write_sync_to_db", "cache"])
    )


def test_log_arguments_are_joined_by_spaces_and_levels_kept(engine: Engine, plug: Plug) -> None:
    result = run(engine, plug, "influxdb3_local.info('a', 1, None)\ninfluxdb3_local.warn()\ninfluxdb3_local.error('e')")
    rows = result.logs[["log_level", "log_text"]].values.tolist()
    assert rows == [
        ["INFO", f"starting execution with scheduled time {engine.now:%Y-%m-%d %H:%M:%S} UTC"],
        ["INFO", "a 1 None"],
        ["WARN", ""],
        ["ERROR", "e"],
        ["INFO", "finished execution in 0s"],
    ]


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ("query('SELECT 1', params={})", "TypeError: PyPluginCallApi.query() got an unexpected keyword argument 'params'"),
        ("query('SELECT 1', {'n': 1})", "TypeError: argument 'args': 'int' object is not an instance of 'str'"),
        ("write_sync(LineBuilder('m').int64_field('f', 1))", "TypeError: PyPluginCallApi.write_sync() missing 1 required "
         "positional argument: 'no_sync'"),
        ("write('m f=1')", "AttributeError: 'str' object has no attribute 'build'"),
        ("write(1, 2)", "TypeError: PyPluginCallApi.write() takes 2 positional arguments but 3 were given"),
        ("debug('x')", "AttributeError: 'PyPluginCallApi' object has no attribute 'debug'"),
        ("info('x', level='y')", "TypeError: PyPluginCallApi.info() got an unexpected keyword argument 'level'"),
        ("query('SELECT 1', database='bad db')", "QueryError: invalid database name provided: database name 'bad db' "
         "contains invalid character, character number 3 is not allowed"),
        ("query('SELECT 1 AS x', database='nope')",
         "QueryError: error: database not found: nope executing query on nope: SELECT 1 AS x"),
        ("query('SELECT foo FROM not_here')",
         "QueryError: error: error while planning query: Error during planning: table 'public.iox.not_here' not found "
         "executing query on db: SELECT foo FROM not_here"),
        ("query('SELECT length(host) AS n FROM cpu')", "ValueError: Unsupported data type: Int32"),
    ],
)  # fmt: skip
def test_wrong_calls_fail_as_on_the_server(engine: Engine, plug: Plug, call: str, error: str) -> None:
    engine.load("cpu,host=a f=1 1", "db", precision="ns")
    result = run(engine, plug, f"influxdb3_local.{call}")
    assert f"{type(result.error).__name__}: {result.error}" == error
    assert texts(result) == [f"error executing schedule plugin: {error}", f"error running scheduled plugin: {error}"]


def test_query_gives_dicts_with_none_for_null_and_int_times(engine: Engine, plug: Plug) -> None:
    engine.load('m,host=a f=1.5,i=2i,s="x" 10\nm,host=b f=2 20', "db", precision="ns")
    result = run(engine, plug, "influxdb3_local.info(influxdb3_local.query('SELECT * FROM m ORDER BY time'))")
    assert texts(result)[0] == (
        "[{'f': 1.5, 'host': 'a', 'i': 2, 's': 'x', 'time': 10}, {'f': 2.0, 'host': 'b', 'i': None, 's': None, 'time': 20}]"
    )
    assert list(result.queries.rows) == [2]


def test_string_parameters_bind_values(engine: Engine, plug: Plug) -> None:
    engine.load("m,host=a f=1 10\nm,host=b f=2 20", "db", precision="ns")
    result = run(
        engine, plug, "influxdb3_local.info(influxdb3_local.query('SELECT f FROM m WHERE host = $h', {'h': 'b'}))"
    )
    assert texts(result)[0] == "[{'f': 2.0}]"


def test_queued_lines_are_written_after_the_call_and_share_one_time(engine: Engine, plug: Plug) -> None:
    result = run(
        engine,
        plug,
        """
influxdb3_local.write(LineBuilder('out').int64_field('n', 1))
influxdb3_local.write(LineBuilder('out').int64_field('n', 2))
influxdb3_local.write_to_db('other', LineBuilder('o').string_field('s', 'x'))
influxdb3_local.info('tables:', len(influxdb3_local.query("SELECT * FROM information_schema.tables WHERE table_name='out'")))
""",
    )
    assert texts(result)[0] == "tables: 0"
    assert result.lines == {"db": ["out n=1i", "out n=2i"], "other": ['o s="x"']}
    frame = engine.query("SELECT * FROM out", "db")
    assert list(frame.n) == [2]
    assert frame.time.astype("int64").tolist() == [engine.now_ns]
    assert list(engine.query("SELECT s FROM o", "other").s) == ["x"]


def test_queued_lines_are_dropped_when_the_plugin_raises_synchronous_ones_are_kept(engine: Engine, plug: Plug) -> None:
    result = run(
        engine,
        plug,
        """
influxdb3_local.write(LineBuilder('lost').int64_field('n', 1))
influxdb3_local.write_sync(LineBuilder('kept').int64_field('n', 1), no_sync=False)
raise RuntimeError('boom')
""",
    )
    assert result.lines == {"db": ["kept n=1i"]}
    assert list(engine.tables("db").table) == ["kept"]


def test_one_bad_queued_line_loses_all_lines_of_its_database_and_the_run_counts_as_success(
    engine: Engine, plug: Plug
) -> None:
    engine.load("m f=1 1", "db", precision="ns")
    result = run(
        engine,
        plug,
        """
influxdb3_local.write(LineBuilder('m').float64_field('f', 2.0))
influxdb3_local.write(LineBuilder('m').int64_field('f', 2))
influxdb3_local.write_to_db('other', LineBuilder('o').int64_field('n', 1))
""",
    )
    assert result.error is None
    assert not result.ok
    assert result.lines == {"other": ["o n=1i"]}
    last = result.logs.iloc[-1]
    assert (last.log_level, last.log_text) == (
        "ERROR",
        "error running schedule plugin: error writing back lines to db: Cannot write: line protocol parse failed: invalid "
        "column type for column 'f', expected iox::column_type::field::float, got iox::column_type::field::integer",
    )
    assert len(engine.query("SELECT * FROM m", "db")) == 1


def test_write_sync_raises_when_the_lines_are_refused(engine: Engine, plug: Plug) -> None:
    engine.load("m f=1 1", "db", precision="ns")
    result = run(
        engine,
        plug,
        """
for db, line in (('db', LineBuilder('m').int64_field('f', 1)), ('bad db', LineBuilder('m').int64_field('f', 1))):
    try:
        influxdb3_local.write_sync_to_db(db, line, True)
    except Exception as error:
        influxdb3_local.info(type(error).__name__, error)
""",
    )
    assert texts(result)[:2] == [
        "Exception error writing line protocol to db: Cannot write: line protocol parse failed: invalid column type for "
        "column 'f', expected iox::column_type::field::float, got iox::column_type::field::integer",
        "Exception error writing line protocol to bad db: invalid database name: database name 'bad db' contains invalid "
        "character, character number 3 is not allowed",
    ]


def test_one_database_too_many_is_the_write_buffers_error(engine: Engine, plug: Plug) -> None:
    """influxdb3_write/src/write_buffer/mod.rs."""
    for name in ("b", "c", "d", "e"):
        engine.create_database(name)
    line = "LineBuilder('m').int64_field('f', 1)"
    result = run(
        engine, plug, f"influxdb3_local.write_to_db('f', {line})\ninfluxdb3_local.write_sync_to_db('f', {line}, True)"
    )
    text = "Cannot write: catalog update error: Adding a new database would exceed limit of 5 databases"
    assert str(result.error) == f"error writing line protocol to f: {text}"


def test_write_sync_without_no_sync_is_queryable_at_once(engine: Engine, plug: Plug) -> None:
    result = run(
        engine,
        plug,
        """
influxdb3_local.write_sync(LineBuilder('a').int64_field('n', 1), no_sync=True)
influxdb3_local.write_sync(LineBuilder('b').int64_field('n', 1), no_sync=False)
influxdb3_local.info(influxdb3_local.query('SELECT n FROM b'))
""",
    )
    assert texts(result)[0] == "[{'n': 1}]"
    assert list(engine.tables("db").table) == ["a", "b"]


def test_plugin_timestamps_are_nanoseconds(engine: Engine, plug: Plug) -> None:
    run(engine, plug, "influxdb3_local.write(LineBuilder('m').int64_field('n', 1).time_ns(1))")
    assert engine.query("SELECT time FROM m", "db").time.astype("int64").tolist() == [1]


def test_a_build_of_several_lines_counts_as_several_lines(engine: Engine, plug: Plug) -> None:
    result = run(
        engine,
        plug,
        """
class Two:
    def build(self):
        return 'm f=1 1\\nm f=2 2'
influxdb3_local.write(Two())
""",
    )
    assert result.lines == {"db": ["m f=1 1", "m f=2 2"]}
