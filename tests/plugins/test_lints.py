"""Known mistakes in plugins: each is found, and what is right is left alone (influxdb3_py_api/src/system_py.rs)."""

from __future__ import annotations

import pytest

from pe_kit import Engine
from pe_kit.plugins.lints import lint, lint_arguments

HEAD = "def process_writes(influxdb3_local, table_batches, args=None):\n"


def rules(body: str, table: str | None = None) -> list[str]:
    return [one.rule for one in lint(HEAD + "".join(f"    {line}\n" for line in body.splitlines()), table)]


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        ("influxdb3_local.query('SELECT $a', params={'a': 'x'})", "params-for-args"),
        ("influxdb3_local.query('SELECT $a', {'a': 90})", "parameter-not-text"),
        ("influxdb3_local.query('SELECT $a', args={'a': int('9')})", "parameter-not-text"),
        ("influxdb3_local.debug('x')", "no-such-method"),
        ("try:\n    pass\nexcept QueryError:\n    pass", "unnamed-exception"),
        ("try:\n    pass\nexcept (ValueError, InvalidLineError):\n    pass", "unnamed-exception"),
        ("influxdb3_local.write_sync(LineBuilder('m'))", "no-sync-missing"),
        ("influxdb3_local.write_sync_to_db('d', LineBuilder('m'))", "no-sync-missing"),
        (
            "for attempt in range(3):\n    try:\n        influxdb3_local.write(LineBuilder('m'))\n        break\n"
            "    except Exception:\n        pass",
            "buffered-write-retried",
        ),
    ],
)
def test_a_known_mistake_is_found_with_its_line_why_and_mend(body: str, rule: str) -> None:
    assert rules(body) == [rule]
    (one,) = lint(HEAD + "".join(f"    {line}\n" for line in body.splitlines()))
    assert one.line > 1
    assert one.why.endswith(".")
    assert one.mend


@pytest.mark.parametrize(
    "body",
    [
        "influxdb3_local.query('SELECT $a', {'a': str(90)})",
        "influxdb3_local.write_sync(LineBuilder('m'), False)",
        "influxdb3_local.write_sync_to_db('d', LineBuilder('m'), no_sync=True)",
        "import logging\nlogging.getLogger().debug('x')",
        "for row in table_batches:\n    try:\n        influxdb3_local.write(LineBuilder('m'))\n"
        "    except Exception as error:\n        influxdb3_local.warn(error)",
        "class QueryError(Exception): pass\ntry:\n    pass\nexcept QueryError:\n    pass",
    ],
)
def test_what_is_right_is_left_alone(body: str) -> None:
    assert rules(body) == []


def test_writing_to_the_table_that_fires_it_is_found() -> None:
    body = "influxdb3_local.write(LineBuilder('cpu').int64_field('n', 1))"
    assert rules(body, "cpu") == rules(body, "") == ["writes-what-fires-it"]
    assert rules(body, "mem") == rules(body) == []
    guard = "for batch in table_batches:\n    if batch['table_name'] == 'cpu':\n        continue\n    "
    assert rules(guard + body, "") == []


@pytest.mark.parametrize(
    ("signature", "found"),
    [
        ("def process_writes(a, b):", ["arity"]),
        ("def process_writes(a, b, c, d):", ["arity"]),
        ("def process_writes(a, *rest):", []),
        ("def process_writes(a, b, args=None, more=1):", []),
        ("def process_request(a, b, c, d):", ["arity"]),
        ("async def process_scheduled_call(a, b, args=None):", ["async-entry-point"]),
    ],
)
def test_entry_points_take_what_the_server_passes(signature: str, found: list[str]) -> None:
    assert [one.rule for one in lint(f"{signature}\n    pass\n")] == found


@pytest.mark.parametrize("rule", ["params-for-args", "parameter-not-text", "no-such-method", "no-sync-missing"])
def test_what_is_called_an_error_is_one_in_the_engine(rule: str) -> None:
    bodies = {
        "params-for-args": "influxdb3_local.query('SELECT 1', params={})",
        "parameter-not-text": "influxdb3_local.query('SELECT $a', {'a': 1})",
        "no-such-method": "influxdb3_local.debug('x')",
        "no-sync-missing": "influxdb3_local.write_sync(LineBuilder('m'))",
    }
    assert rules(bodies[rule]) == [rule]
    with Engine(start="2026-01-01") as engine:
        engine.write_plugin("p.py", HEAD + f"    {bodies[rule]}\n")
        engine.create_database("d")
        engine.create_trigger("t", db="d", path="p.py", spec="all_tables")
        assert not engine.write("m v=1", "d").ok


METADATA = '''"""
{"plugin_type": ["onwrite"], "onwrite_args_config": [
  {"name": "limit", "example": "5", "description": "d", "required": true},
  {"name": "unit", "example": "C", "description": "d", "required": false}]}
"""
'''


def test_arguments_are_checked_against_the_metadata() -> None:
    source = METADATA + HEAD + "    return args['limit']\n"
    found = lint_arguments(source, "process_writes", {"limt": "5"})
    assert [o.rule for o in found] == ["argument-missing", "argument-unknown"]
    assert "limit" in found[1].mend
    assert lint_arguments(source, "process_writes", {"limit": "5"}) == []
    assert lint_arguments(source, "process_request", {"x": "5"}) == []


def test_a_file_of_arguments_stands_for_those_that_are_required() -> None:
    source = METADATA.replace('"unit"', '"config_file_path"') + HEAD + "    return args['limit']\n"
    assert lint_arguments(source, "process_writes", {"config_file_path": "limits.toml"}) == []
    assert [o.rule for o in lint_arguments(source, "process_writes", {"config_file_path": ""})] == ["argument-missing"]
