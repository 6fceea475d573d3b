"""Rust's Debug text of an error becomes the Display text that users see (datafusion/common/src/error.rs)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pe_kit.store.sqlerrors import Node, display, parse_debug, query_error

BUG = (
    "\nThis issue was likely caused by a bug in DataFusion's code. Please help us to resolve this by filing a bug"
    " report in our issue tracker: https://github.com/apache/datafusion/issues"
)


class NoTables:
    def table_names(self) -> list[str]:
        return []


@pytest.mark.parametrize(
    ("debug", "text", "status"),
    [
        ('Plan("no")', "Error during planning: no", 400),
        ('NotImplemented("x")', "This feature is not implemented: x", 405),
        ('Execution("x")', "Execution error: x", 500),
        ('Internal("x")', f"Internal error: x.{BUG}", 500),
        ('Configuration("x")', "Invalid or Unsupported Configuration: x", 500),
        ('ResourcesExhausted("x")', "Resources exhausted: x", 500),
        ('External("x")', "External error: x", 500),
        (
            'Context("while", Context("doing", Plan("x")))',
            "while\ncaused by\ndoing\ncaused by\nError during planning: x",
            400,
        ),
        ('Collection([Plan("a"), Plan("b")])', "Error during planning: a", 500),
        ('Shared(Plan("a"))', "Error during planning: a", 500),
        ('ArrowError(DivideByZero, Some(""))', "Arrow error: Divide by zero error", 500),
        ('ArrowError(ArithmeticOverflow("x"), None)', "Arrow error: Arithmetic overflow: x", 500),
        ('ArrowError(ExternalError(Execution("x")), None)', "Arrow error: External error: Execution error: x", 500),
        ('SQL(ParserError("say \\"hi\\"\\n"), None)', 'SQL error: ParserError("say \\"hi\\"\\n")', 400),
        ("SQL(RecursionLimitExceeded, None)", "SQL error: RecursionLimitExceeded", 400),
        ('Plan("tab\\tquote\\"\\u{1f600}\\\\")', 'Error during planning: tab\tquote"😀\\', 400),
        (
            'SchemaError(DuplicateUnqualifiedField { name: "a B" }, Some(""))',
            'Schema error: Schema contains duplicate unqualified field name "a B"',
            500,
        ),
        (
            'SchemaError(AmbiguousReference { field: Column { relation: Some(Full { catalog: "c", schema: "s", table:'
            ' "t" }), name: "N" } }, None)',
            'Schema error: Schema contains qualified field name c.s.t."N" and unqualified field name "N" which would be'
            " ambiguous",
            500,
        ),
        (
            'Diagnostic(Diagnostic { kind: Error, message: "m", span: Some(Span(Location(1,15)..Location(1,19))),'
            ' notes: [], helps: [] }, Plan("x"))',
            "Error during planning: x",
            400,
        ),
    ],
)
def test_every_kind_of_error_is_worded(debug: str, text: str, status: int) -> None:
    error = query_error(f"DataFusion error: {debug}", stage="planning", tables=NoTables())
    assert (error.message, error.status) == (text, status)


@pytest.mark.parametrize("raw", ["", "something else", "PyErr { type: <class 'X'>", 'Plan("open', "Plan(", "🤷"])
def test_a_text_of_another_form_is_shown_as_it_is(raw: str) -> None:
    error = query_error(raw, stage="planning", tables=NoTables())
    assert (error.message, error.status) == (raw, 500)


def _debug_text(value: Any) -> str:
    """Write a value as Rust would."""
    if isinstance(value, list):
        return f"[{', '.join(map(_debug_text, value))}]"
    if isinstance(value, Node):
        if value.args:
            return f"{value.name}({', '.join(map(_debug_text, value.args))})"
        inner = ", ".join(f"{k}: {_debug_text(v)}" for k, v in value.fields.items())
        return f"{value.name} {{ {inner} }}" if inner else value.name
    escaped = "".join({'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}.get(c, c) for c in value)
    return f'"{escaped}"'


names = st.from_regex(r"[A-Z][a-z]{1,6}", fullmatch=True)
values = st.recursive(
    st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.builds(Node, names, st.lists(inner, min_size=1, max_size=3), st.just({}))
        | st.builds(Node, names, st.just([]), st.dictionaries(names.map(str.lower), inner, max_size=3))
    ),
    max_leaves=12,
)


@pytest.mark.slow
@given(values)
def test_what_rust_writes_is_read_back(value: Any) -> None:
    assert parse_debug(_debug_text(value)) == value


@given(st.text(), st.sampled_from(["Plan", "SQL", "SchemaError", "ArrowError", "Diagnostic", "Context", "Collection"]))
def test_no_text_breaks_the_wording(noise: str, kind: str) -> None:
    for raw in (noise, f"{kind}({noise}", f"{kind}({_debug_text(noise)})", f"{kind}({_debug_text(noise)}, None)"):
        assert isinstance(query_error(raw, stage="planning", tables=NoTables()).message, str)


def test_names_are_quoted_where_sql_needs_it() -> None:
    column = 'Column { relation: Some(Bare { table: "my table" }), name: "Ü" }'
    debug = f"SchemaError(FieldNotFound {{ field: {column}, valid_fields: [] }}, None)"
    assert display(parse_debug(debug)) == 'Schema error: No field named "my table"."Ü".'
