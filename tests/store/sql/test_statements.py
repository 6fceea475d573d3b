"""What may be asked in SQL, and how the server words what may not (influxdb3_query_executor/src/lib.rs)."""

from __future__ import annotations

from typing import Any

import pytest

PLAN = "Error during planning: "
NO_STATEMENT = PLAN + "No SQL statements were provided in the query string"


@pytest.mark.parametrize(
    ("sql", "status", "text"),
    [
        (
            "select 1; select 2",
            405,
            "This feature is not implemented: The context currently only supports a single SQL statement",
        ),
        ("", 400, NO_STATEMENT),
        ("  \n", 400, NO_STATEMENT),
        ("-- nothing", 400, NO_STATEMENT),
        ("/* nothing */", 400, NO_STATEMENT),
        ("create table x as select 1", 400, PLAN + "DDL not supported: CreateMemoryTable"),
        ("create view x as select 1", 400, PLAN + "DDL not supported: CreateView"),
        ("create external table x stored as csv location 'x'", 400, PLAN + "DDL not supported: CreateExternalTable"),
        ("drop table cpu", 400, PLAN + "DDL not supported: DropTable"),
        ("create database x", 400, PLAN + "DDL not supported: CreateCatalog"),
        ("insert into cpu select * from cpu", 400, PLAN + "DML not supported: Insert Into"),
        ("delete from cpu", 400, PLAN + "DML not supported: Delete"),
        ("update cpu set n = 1", 400, PLAN + "DML not supported: Update"),
        ("copy cpu to 'x.parquet'", 400, PLAN + "DML not supported: COPY"),
        ("set a = 1", 400, PLAN + "Statement not supported: SetVariable"),
        ("prepare x as select 1", 400, PLAN + "Statement not supported: Prepare"),
        ("execute x", 400, PLAN + "Statement not supported: Execute"),
        ("begin", 405, "This feature is not implemented: Unsupported SQL statement: BEGIN"),
        ("show databases", 405, "This feature is not implemented: Unsupported SQL statement: SHOW DATABASES"),
        ("show schemas", 405, "This feature is not implemented: Unsupported SQL statement: SHOW SCHEMAS"),
        ("show measurements", 400, PLAN + "'measurements' is not a variable which can be viewed with 'SHOW'"),
        (
            "SELEC 1",
            400,
            'SQL error: ParserError("Expected: an SQL statement, found: SELEC at Line: 1, Column: 1")',
        ),
        ("select 'open", 400, 'SQL error: TokenizerError("Unterminated string literal at Line: 1, Column: 8")'),
        ("select * from not_here", 400, PLAN + "table 'public.iox.not_here' not found"),
        ("select * from a.b.c", 400, PLAN + "table 'a.b.c' not found"),
        (
            "select nope from cpu",
            500,
            "Schema error: No field named nope. Valid fields are cpu.host, cpu.n, cpu.note, cpu.time, cpu.u, cpu.up,"
            " cpu.usage.",
        ),
        (
            'select "Host" from cpu where cpu."Host" = 1',
            500,
            'Schema error: No field named cpu."Host". Column names are case sensitive. You can use double quotes to'
            ' refer to the "cpu."Host"" column or set the datafusion.sql_parser.enable_ident_normalization'
            " configuration. Valid fields are cpu.host, cpu.n, cpu.note, cpu.time, cpu.u, cpu.up, cpu.usage.",
        ),
        ("select cpu_usage from cpu", 500, "Schema error: No field named cpu_usage. Did you mean 'cpu.usage'?."),
        ("select n from cpu a, cpu b", 500, "Schema error: Ambiguous reference to unqualified field n"),
        ("select a.n from cpu a, cpu a", 500, "Schema error: Schema contains duplicate qualified field name a.host"),
        ("select 1 / 0", 500, "Arrow error: Divide by zero error"),
        (
            "select * from cpu where time > 'garbage'",
            500,
            "Optimizer rule 'simplify_expressions' failed\ncaused by\nArrow error: Parser error: Error parsing"
            " timestamp from 'garbage': timestamp must contain at least 10 characters",
        ),
        (
            "select * from cpu where up = 'true'",
            400,
            "type_coercion\ncaused by\nError during planning: Cannot infer common argument type for comparison"
            " operation Boolean = Utf8",
        ),
    ],
)
def test_the_server_refuses_with_its_own_words(cpu: Any, sql: str, status: int, text: str) -> None:
    error = cpu.refuse(sql)
    assert (error.message, error.status) == (text, status)


@pytest.mark.parametrize(
    "sql",
    [
        "select 1;",
        "explain select * from cpu",
        "explain analyze select * from cpu",
        "describe cpu",
        "show tables",
        "show columns from cpu",
        "show functions",
        "show all",
        "show datafusion.execution.batch_size",
        "values (1), (2)",
        "with a as (select * from cpu) select * from a union all select * from cpu",
    ],
)
def test_looking_is_allowed(cpu: Any, sql: str) -> None:
    assert cpu.arrow(sql).num_rows


def test_explain_gives_two_plans(cpu: Any) -> None:
    plans = cpu.arrow("explain select * from cpu")
    assert plans.column_names == ["plan_type", "plan"]
    assert plans["plan_type"].to_pylist() == ["logical_plan", "physical_plan"]


@pytest.mark.parametrize(
    ("sql", "stage"),
    [
        ("select nope from cpu", "planning"),
        ("select * from cpu where time >= 5", "planning"),  # found by the analyzer, still planning
        ("select cast(note as int) from cpu", "streaming"),
        ("select n / (n - 2) from cpu", "streaming"),
    ],
)
def test_the_stage_says_when_it_failed(cpu: Any, sql: str, stage: str) -> None:
    """``error while planning query`` is said of plans only (influxdb3_query_executor/src/lib.rs)."""
    assert cpu.refuse(sql).stage == stage


@pytest.mark.parametrize(
    ("sql", "mend"),
    [
        ("select * from cpuu", "Did you mean 'cpu'?"),
        ("select * from CPU_total", 'write "CPU_total"'),
        ("select usge from cpu", "Did you mean 'usage'?"),
        ("select Idle from extra", 'write "Idle"'),
        ('select * from cpu where host = "a"', "Text stands in single quotes"),
        ("select * from cpu where time > 1", "Compare time with a time"),
        ("select * from cpu where host = $host", "Pass a value for 'host'"),
    ],
)
def test_a_mend_says_what_was_meant(cpu: Any, sql: str, mend: str) -> None:
    cpu.put("CPU_total", {"time": [1]})
    cpu.put("extra", {"time": [1], "Idle": [1.0]})
    assert mend in cpu.refuse(sql).mend
