"""Statements are rewritten where they call InfluxDB's functions and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pe_kit.store.functions import mentions
from pe_kit.store.statements import Statement


@pytest.fixture
def m(database: Any) -> Any:
    database.put("m", {"time": [1, 2, 3], "x": [10, None, 30], "My Col": [1, 2, 3]})
    return database


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select 'tz(time)' as a, to_timestamp(1) as b from m limit 1", [("tz(time)", 1)]),
        ('select "My Col" as "tz(x)", to_timestamp(x) as b from m order by time limit 1 -- tz(', [(1, 10)]),
        ("select /* tz(' /* nested */ */ to_timestamp(x) as b from m order by time limit 1", [(10,)]),
        ("select to_timestamp(x) as tz from m order by time limit 1;", [(10,)]),
        ("select count(*) from (select to_timestamp(x) from m) where true", [(3,)]),
        ("select to_timestamp(1) as a union all select to_timestamp(2) order by a desc limit 1", [(2,)]),
        ("(select to_timestamp(1)) union all (select to_timestamp(2) limit 1) order by 1", [(1,), (2,)]),
        ("with a as (select to_timestamp(x) as t from m), b (u) as (select max(t) from a) select u from b", [(30,)]),
        (
            "with recursive r as (select 1 as n union all select n + 1 from r where n < 3) select to_timestamp(max(n)) from r",
            [(3,)],
        ),
        (
            "select (select max(to_timestamp(x)) from m) as t, x::double from m where x in (select x from m where x > 20)",
            [(30, 30.0)],
        ),
        ("select x from m where to_timestamp(x) > to_timestamp(20) and x is not distinct from 30", [(30,)]),
        ("select sum(x) s, to_timestamp(7) t from m group by 2 having sum(x) > 1 order by s", [(40, 7)]),
        ("select distinct to_timestamp(1) from m", [(1,)]),
        (
            "select case when x > 10 then to_timestamp(x) else to_timestamp('1970-01-01') end as c from m order by time desc limit 1",
            [(30,)],
        ),
        ("select a.x from m a join m b on to_timestamp(a.x) = to_timestamp(b.x) order by 1", [(10,), (30,)]),
        ("select extract(epoch from to_timestamp(2000000000)) as e", [(2.0,)]),
        ("select to_timestamp(5) > time b from m order by time limit 1", [(True,)]),
        ("select x y, to_timestamp(x) is null and true from m where x is null", [(None, True)]),
        ("values (1)", [(1,)]),
    ],
)
def test_the_rest_stays_as_it_was_written(m: Any, sql: str, expected: list[Any]) -> None:
    assert m.rows(sql) == expected


def test_explain_shows_what_runs(m: Any) -> None:
    assert "TableScan: m" in m.arrow("explain select to_timestamp(x) from m")["plan"].to_pylist()[0]


def test_names_of_columns_without_alias_are_the_servers(m: Any) -> None:
    names = m.arrow("select *, to_timestamp(x + 1), 1 from m").column_names
    assert names == ["My Col", "time", "x", "to_timestamp(m.x + Int64(1))", "Int64(1)"]
    outer = 'select "to_timestamp(m.x)" from (select to_timestamp(x) from m) order by 1 limit 1'
    assert m.rows(outer) == [(10,)]


def test_errors_of_syntax_stand_where_they_were_written(m: Any) -> None:
    message = m.refuse("select to_timestamp(x)\n  frm m where").message
    assert message == 'SQL error: ParserError("Expected: end of statement, found: m at Line: 2, Column: 7")'


@pytest.mark.parametrize(
    "sql",
    ["select tz(", "select tz(time from m", "select tz(time)) from m", "select tz(,) from m", "with a as select tz(1)"],
)
def test_broken_statements_are_refused_as_broken(m: Any, sql: str) -> None:
    assert m.refuse(sql).message.startswith("SQL error: ")


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select * from m", False), ("select tz(time)", True), ("select TZ (time)", True), ("select quartz from m", False),
        ("select interpolated from m", False), ("select selector_first(x, time)", True), ("SELECT To_Timestamp(1)", True),
    ],
)  # fmt: skip
def test_only_statements_that_name_a_function_are_looked_at(sql: str, expected: bool) -> None:
    assert mentions(sql) is expected


pieces = st.sampled_from(
    [
        "select",
        " ",
        "a",
        '"A b"',
        "'it''s'",
        "(",
        ")",
        "[",
        "]",
        ",",
        "--x\n",
        "/*y/*z*/*/",
        "$p",
        "1.5e3",
        "::",
        "<=",
        "$$q$$",
        "é",
        "\0",
    ]
)


@given(st.lists(pieces).map("".join) | st.text())
def test_tokens_cover_the_text(sql: str) -> None:
    statement = Statement(sql)
    end = 0
    for token in statement.tokens:
        assert sql[token.start : token.end] == token.text
        assert token.start >= end
        end = token.end
    assert (
        statement.text(0, len(statement.tokens)) == sql[statement.tokens[0].start : end] if statement.tokens else True
    )


@given(st.lists(pieces, max_size=12).map("".join))
def test_no_text_breaks_the_tokenizer_or_the_rewriter(database_free: str) -> None:
    statement = Statement(f"select tz({database_free})")
    for k in range(len(statement.tokens)):
        statement.call(k, len(statement.tokens))
    statement.clauses(0, len(statement.tokens))
    parts = list(statement.split(0, len(statement.tokens)))
    assert len(parts) >= bool(statement.tokens), "it came to an end, with something to show for the text"
