"""The signal form: points made by an expression of ``pe_kit.synth``, drawn while someone types."""

from __future__ import annotations

import ast
from typing import Any

from pe_kit import synth
from pe_kit.errors import PeKitError, UsageError
from pe_kit.notebook.html import data, page
from pe_kit.synth.series import Series

__all__ = ["preview", "signal_of"]

_POINTS = 100_000

Data = dict[str, Any]


def _expression(values: Data, start: str) -> str:
    """The expression that makes the points of the form."""
    text = f"series({values['table']!r}, {{{values['field']!r}: {values['signal'].strip() or '0'}}}"
    if tags := _tags(values.get("tags", "")):
        text += f", {tags!r}"
    text += (
        f", start={values.get('start', '').strip() or start!r}, every={values['every']!r}, points={_number(values)})"
    )
    return f"{text} | {spoil}" if (spoil := values.get("spoil", "").strip()) else text


def _number(values: Data) -> int:
    text = values["points"].strip()
    if not text.isdigit() or not 0 < int(text) <= _POINTS:
        raise UsageError(f"points={text!r}", mend=f"A number from 1 to {_POINTS:,}.")
    return int(text)


def _tags(text: str) -> dict[str, Any]:
    """Read ``room=kitchen,bath host=a``."""
    found: dict[str, Any] = {}
    for word in text.split():
        name, _, given = word.partition("=")
        parts = given.split(",")
        found[name] = parts if len(parts) > 1 else given
    return found


def signal_of(values: Data, start: str) -> tuple[Series, str, str]:
    """Make the points of the form.

    Returns:
        The points, the expression, and the line that imports its names.

    Raises:
        UsageError: the expression is none.
    """
    text = _expression(values, start)
    words = {name: getattr(synth, name) for name in synth.__all__}
    try:
        names = sorted({n.id for n in ast.walk(ast.parse(text, mode="eval")) if isinstance(n, ast.Name)} & set(words))
        made = eval(text, {"__builtins__": {}}, words)
    except PeKitError:
        raise
    except Exception as error:
        raise UsageError(
            f"{type(error).__name__}: {error}", mend="For example sine('1d', 4) + noise(0.3) + 21."
        ) from None
    if not isinstance(made, synth.Series):
        raise UsageError("the expression makes no series", mend="For example sine('1d', 4) + noise(0.3) + 21.")
    return made, text, f"from pe_kit.synth import {', '.join(names)}"


def preview(values: Data, start: str) -> str:
    """Draw the points of the form, or say why there are none."""
    try:
        made, _, _ = signal_of(values, start)
        return made.plot().svg if len(made) else page("no points are left")
    except PeKitError as error:
        return page(f'<div class="pe-box pe-bad">✘ {data(error.message, 300)}</div>')
