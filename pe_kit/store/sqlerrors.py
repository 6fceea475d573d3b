"""The SQL engine's errors, worded as the server shows them.

The Python wheel of DataFusion raises its errors in Rust's ``Debug`` form; the server shows their ``Display`` form. This
module reads the one and writes the other (datafusion/common/src/error.rs), and decides the HTTP status from the kind
of error as influxdb3_server/src/http.rs does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from pe_kit.errors import QueryError, near_match

if TYPE_CHECKING:
    from pe_kit.store.database import Database

__all__ = ["Node", "display", "parse_debug", "plan_error", "query_error"]


class Node(NamedTuple):
    """One value of a ``Debug`` text: ``Name(args)`` or ``Name { fields }``; a bare name has neither."""

    name: str
    args: list[Any]
    fields: dict[str, Any]


_TOKEN = re.compile(
    r'\s*(?:(?P<string>"(?:[^"\\]|\\.)*")|(?P<name>[A-Za-z_]\w*(?:::\w+)*)|(?P<number>-?\d[\w.+-]*)'
    r"|(?P<mark>\.\.|[()\[\]{},:]))",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:u\{([0-9a-fA-F]+)\}|(.))", re.DOTALL)
_LETTERS = {"n": "\n", "t": "\t", "r": "\r", "0": "\0"}
_Tokens = list[tuple[str, str]]  # kind and text, the last one first


def parse_debug(text: str) -> Any:
    """Read a Rust ``Debug`` text into :class:`Node`, lists, dicts, strings and numbers (as text).

    Raises:
        ValueError, IndexError: the text has another form.
    """
    tokens, at = [], 0
    while match := _TOKEN.match(text, at):
        kind = str(match.lastgroup)
        tokens.append((kind, match[kind]))
        at = match.end()
    tokens.reverse()
    value = _value(tokens)
    if tokens or text[at:].strip():
        raise ValueError(text)
    return value


def _value(tokens: _Tokens) -> Any:
    value = _single(tokens)
    if tokens and tokens[-1] == ("mark", ".."):  # a range; only its start matters
        tokens.pop()
        if tokens[-1][1] not in ")]}":
            _single(tokens)
    return value


def _single(tokens: _Tokens) -> Any:
    kind, token = tokens.pop()
    if kind == "string":
        return _ESCAPE.sub(lambda m: chr(int(m[1], 16)) if m[1] else _LETTERS.get(m[2], m[2]), token[1:-1])
    if kind == "number":
        return token
    if kind == "name":
        args = _items(tokens, ")") if _skip(tokens, "(") else []
        return Node(token, args, _fields(tokens) if _skip(tokens, "{") else {})
    if token in "([":
        return _items(tokens, ")" if token == "(" else "]")
    if token == "{":
        return _fields(tokens)
    raise ValueError(token)


def _skip(tokens: _Tokens, mark: str) -> bool:
    """Take a mark, if it comes next."""
    found = bool(tokens) and tokens[-1] == ("mark", mark)
    if found:
        tokens.pop()
    return found


def _items(tokens: _Tokens, closer: str) -> list[Any]:
    items: list[Any] = []
    while not _skip(tokens, closer):
        items.append(_value(tokens))
        _skip(tokens, ",")
    return items


def _fields(tokens: _Tokens) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    while not _skip(tokens, "}"):
        if not _skip(tokens, ".."):
            key = _single(tokens)
            if not _skip(tokens, ":"):
                raise ValueError(key)
            fields[key.name if isinstance(key, Node) else str(key)] = _value(tokens)
            _skip(tokens, ",")
    return fields


_PREFIXES = {
    "ArrowError": "Arrow error: ",
    "SQL": "SQL error: ",
    "NotImplemented": "This feature is not implemented: ",
    "Internal": "Internal error: ",
    "Plan": "Error during planning: ",
    "Configuration": "Invalid or Unsupported Configuration: ",
    "SchemaError": "Schema error: ",
    "Execution": "Execution error: ",
    "ResourcesExhausted": "Resources exhausted: ",
    "External": "External error: ",
}
_ARROW = {
    "NotYetImplemented": "Not yet implemented: ",
    "ExternalError": "External error: ",
    "CastError": "Cast error: ",
    "MemoryError": "Memory error: ",
    "ParseError": "Parser error: ",
    "SchemaError": "Schema error: ",
    "ComputeError": "Compute error: ",
    "ArithmeticOverflow": "Arithmetic overflow: ",
    "InvalidArgumentError": "Invalid argument error: ",
    "CDataInterface": "C Data interface error: ",
    "OffsetOverflowError": "Offset overflow error: ",
}
_BARE_ARROW = {
    "DivideByZero": "Divide by zero error",
    "DictionaryKeyOverflowError": "Dictionary key bigger than the key type",
    "RunEndIndexOverflowError": "Run end encoded array index overflow error",
}
_BUG = (
    ".\nThis issue was likely caused by a bug in DataFusion's code. Please help us to resolve this by filing a bug"
    " report in our issue tracker: https://github.com/apache/datafusion/issues"
)


def display(error: Any) -> str:
    """Write a parsed error as its ``Display`` form."""
    if not isinstance(error, Node):
        return str(error)
    match error.name:
        case "Diagnostic":
            return display(error.args[1])
        case "Context":
            return f"{error.args[0]}\ncaused by\n{display(error.args[1])}"
        case "Collection":
            return display(error.args[0][0])
        case "Shared":
            return display(error.args[0])
    prefix = _PREFIXES.get(error.name)
    if prefix is None or not error.args:
        return _debug(error)
    first = error.args[0]
    match error.name:
        case "ArrowError":
            body = _arrow(first)
        case "SQL":
            body = _debug(first)
        case "SchemaError":
            body = _schema(first)
        case "Internal":
            body = f"{first}{_BUG}"
        case _:
            body = display(first)
    return prefix + body


def _arrow(error: Any) -> str:
    if not isinstance(error, Node):
        return str(error)
    if error.name in _BARE_ARROW:
        return _BARE_ARROW[error.name]
    return _ARROW.get(error.name, "") + (display(error.args[0]) if error.args else error.name)


def _debug(value: Any) -> str:
    if isinstance(value, Node):
        if value.args:
            return f"{value.name}({', '.join(map(_debug, value.args))})"
        inner = ", ".join(f"{k}: {_debug(v)}" for k, v in value.fields.items())
        return f"{value.name} {{ {inner} }}" if inner else value.name
    if isinstance(value, list):
        return f"[{', '.join(map(_debug, value))}]"
    text = str(value)
    for raw, escaped in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\t", "\\t"), ("\r", "\\r"), ("\0", "\\0")):
        text = text.replace(raw, escaped)
    return f'"{text}"'


def _quoted(name: str) -> str:
    return name if re.fullmatch(r"[a-z_][a-z0-9_]*", name) else '"' + name.replace('"', '""') + '"'


def _column(column: Node, *, quoted: bool = True) -> str:
    relation = column.fields["relation"]
    parts = [] if relation.name == "None" else list(relation.args[0].fields.values())
    return ".".join(_quoted(p) if quoted else p for p in [*parts, column.fields["name"]])


def _similarity(a: str, b: str) -> float:
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        previous, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (x != y))
    return 1.0 if not a and not b else 1.0 - row[-1] / max(len(a), len(b))


def _schema(error: Node) -> str:
    fields = error.fields
    match error.name:
        case "FieldNotFound":
            wanted, valid = fields["field"], fields["valid_fields"]
            text = f"No field named {_column(wanted)}"
            names = [_column(c, quoted=False) for c in valid]
            if _column(wanted, quoted=False).lower() in (n.lower() for n in names):
                text += (
                    f'. Column names are case sensitive. You can use double quotes to refer to the "{_column(wanted)}"'
                    " column or set the datafusion.sql_parser.enable_ident_normalization configuration"
                )
            close = next((n for n in names if _similarity(n, wanted.fields["name"]) >= 0.5), None)
            if close is not None:
                text += f". Did you mean '{close}'?"
            elif valid:
                text += ". Valid fields are " + ", ".join(map(_column, valid))
            return text + "."
        case "AmbiguousReference":
            column = fields["field"]
            if column.fields["relation"].name == "None":
                return f"Ambiguous reference to unqualified field {_column(column)}"
            return (
                f"Schema contains qualified field name {_column(column)} and unqualified field name"
                f" {_quoted(column.fields['name'])} which would be ambiguous"
            )
        case "DuplicateQualifiedField":
            path = ".".join(map(_quoted, [*fields["qualifier"].fields.values(), fields["name"]]))
            return f"Schema contains duplicate qualified field name {path}"
        case "DuplicateUnqualifiedField":
            return f"Schema contains duplicate unqualified field name {_quoted(fields['name'])}"
    return _debug(error)


def _root(error: Any) -> Any:
    while isinstance(error, Node) and error.name in ("Context", "Diagnostic"):
        error = error.args[1]
    return error


_STATUS = {"Plan": 400, "SQL": 400, "NotImplemented": 405}


def query_error(raw: str, *, stage: str, tables: Database) -> QueryError:
    """Turn the text of an exception of the wheel into the error that the server shows.

    Args:
        raw: ``str()`` of the wheel's exception.
        stage: ``"planning"`` or ``"streaming"``.
        tables: the database, for the mend.
    """
    text = raw.removeprefix("DataFusion error: ")
    try:
        error = parse_debug(text)
        root = _root(error)
        message, mend = display(error), _mend(root, tables)
    except (ValueError, AttributeError, IndexError, KeyError, TypeError, RecursionError):  # a form not seen before
        return QueryError(text, stage=stage, status=500)
    kind = root.name if isinstance(root, Node) else ""
    return QueryError(message, stage=stage, status=_STATUS.get(kind, 500), mend=mend)


def plan_error(text: str, *, mend: str = "", kind: str = "Plan") -> QueryError:
    """Make an error of the planner from the kit's own check; ``kind`` is DataFusion's name for it."""
    return QueryError(display(Node(kind, [text], {})), stage="planning", mend=mend, status=_STATUS.get(kind, 500))


def _mend(root: Any, tables: Database) -> str:
    if not isinstance(root, Node) or not root.args:
        return ""
    if root.name == "Plan":
        text = str(root.args[0])
        if missing := re.fullmatch(r"table '(?:public\.iox\.)?(.*)' not found", text):
            return _missing(missing[1], list(tables.table_names()), "tables")
        if parameter := re.fullmatch(r"No value found for placeholder with name \$(.*)", text):
            return f"Pass a value for {parameter[1]!r} in the query's parameters (the name without the dollar sign)."
        if text.startswith("Cannot infer common argument type for comparison operation Timestamp"):
            return "Compare time with a time, for example time >= '2026-01-01T00:00:00Z' or to_timestamp(nanoseconds)."
    if root.name == "SchemaError" and isinstance(root.args[0], Node) and root.args[0].name == "FieldNotFound":
        fields = root.args[0].fields
        found = _missing(fields["field"].fields["name"], [c.fields["name"] for c in fields["valid_fields"]], "columns")
        return f"{found} Text stands in single quotes, names in double quotes."
    return ""


def _missing(name: str, known: Sequence[str], what: str) -> str:
    twin = next((k for k in known if k != name and k.lower() == name.lower()), "")
    if twin:
        return f'Names without quotes are lower-cased, names in double quotes are exact: write "{twin}".'
    return near_match(name, known, what=what)
