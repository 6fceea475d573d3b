"""A plugin in a cell: its syntax, the functions that it defines, and whether they fit the trigger."""

from __future__ import annotations

import ast
import warnings
from difflib import get_close_matches

from pe_kit.engine.trigger import parse_spec
from pe_kit.errors import UsageError
from pe_kit.notebook.card import Card
from pe_kit.notebook.visible import visible
from pe_kit.plugins.entrypoints import ENTRY_POINTS, bound_entry_points, definitions
from pe_kit.plugins.lints import lint

__all__ = ["check_source", "plugin_card"]


def check_source(filename: str, source: str) -> None:
    """Refuse a cell that Python cannot read.

    Raises:
        UsageError: names the line of the cell, where the magic is line 1, with a caret.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(source, filename, "exec", dont_inherit=True)
    except SyntaxError as error:
        number, column = error.lineno or 1, error.offset or 1
        lines = source.split("\n")
        text = lines[number - 1] if number <= len(lines) else ""
        where = f"line {number + 1} of the cell (line {number} of the file)"
        caret = "".join(c if c == "\t" else " " for c in text[: column - 1]) + "^"
        raise UsageError(
            f"{type(error).__name__}: {error.msg}, {where}\n    {visible(text, 200, lines=True)}\n    {caret}",
            mend=f"{filename} was not saved: triggers go on with what was there before.",
        ) from None
    except ValueError as error:
        raise UsageError(f"{filename} was not saved: {error}") from None


def plugin_card(filename: str, source: str, spec: str | None = None, done: str = "") -> Card:
    """Say what was saved, which functions it has, and what became of the trigger."""
    found = bound_entry_points(source)
    defined = definitions(ast.parse(source))
    rows = [(name, _parameters(name, defined.get(name))) for name in found]
    if done:
        rows.append(("trigger", done))
    wanted = [parse_spec(spec).function] if spec is not None else list(ENTRY_POINTS)
    if set(wanted) & set(found):
        for one in (one for one in lint(source) if one.rule == "arity"):
            return Card("warn", "saved, but", f"{filename}: {one.message}", [*rows, ("mend", one.mend)])
        return Card("good", "saved", f"{filename}, with {' and '.join(found)}", rows)
    what = (
        f"{spec} calls {wanted[0]}, which it does not define"
        if spec is not None
        else f"it defines none of {', '.join(wanted)}"
    )
    for name in wanted:
        if isinstance(defined.get(name), ast.AsyncFunctionDef):
            what = f"{name} is `async def`, which the server never awaits: write a plain `def`"
        elif close := get_close_matches(name, set(defined) - set(found), 1, 0.75):
            what += f": is {close[0]!r} meant to be {name!r}?"
    return Card("warn", "saved, but", f"{filename}: {what}", rows)


def _parameters(name: str, function: ast.stmt | None) -> str:
    """Give a function's parameters as they are written; those that the server gives where it comes from elsewhere."""
    if isinstance(function, ast.FunctionDef):
        return f"({visible(ast.unparse(function.args), 200)})"
    return ENTRY_POINTS[name].removeprefix(name).partition(" ->")[0]
