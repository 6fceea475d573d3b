"""What the checker says, as HTML and as text."""

from __future__ import annotations

import re

from pe_kit.notebook.html import Room, cell, data, mark, page, pre, section, table
from pe_kit.notebook.visible import count, visible
from pe_kit.workshop.checking import Checked, Result

__all__ = ["checked_html", "checked_text"]


def _title(checked: Checked) -> str:
    state = f"{len(checked.passed)} of {count(len(checked.results), 'check')} passed"
    return f"Exercise {checked.exercise.number}, {checked.exercise.title}: {state}"


def _next_hint(checked: Checked) -> list[str]:
    failed = [result.check for result in checked.results if not result.ok]
    more = any(len(checked.shown_hints(one)) < len(one.hints) for one in failed)
    return [f"The next hint: %%exercise {checked.exercise.number} --hint"] * more


def _words(text: str) -> str:
    """Escape a text of the exercise; what stands in backticks is code."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", data(text, 2000, lines=True))


def checked_html(checked: Checked) -> str:
    """Show each check, and for those that failed what differs and the hints so far."""
    tone, sign = ("pe-good", mark("✔", "solved")) if checked.ok else ("pe-warn", mark("➜", "not yet"))
    parts = [f'<div class="pe-head {tone}">{sign} {data(_title(checked), 300)}</div>']
    parts += [f'<div class="pe-box pe-warn">{mark("⚠", "note")} {data(note, 600)}</div>' for note in checked.notes]
    if common := checked.common_error:
        title = f"{mark('✘', 'error')} The same error in every check. The hints are for what comes after it."
        parts.append(f'<div class="pe-bad">{section(title, _findings_html(common, 1) + _traceback(common))}</div>')
    parts += [_result_html(checked, result, brief=common is not None) for result in checked.results]
    foot = [] if checked.ok else [*_next_hint(checked), f"What goes in: {checked.exercise.path}"]
    parts += [f'<div class="pe-dim">{data(text, 400)}</div>' for text in foot]
    return page("".join(parts))


def _traceback(result: Result) -> str:
    return pre(result.traceback, 4000) if result.traceback else ""


def _findings_html(result: Result, only: int | None = None) -> str:
    findings = result.findings[:only]
    columns = [("what differs", [f.what for f in findings])]
    columns += [("expected", [f.expected for f in findings]), ("yours", [f.yours for f in findings])]
    columns = [(name, texts) for name, texts in columns if any(texts)]
    rows = [("", [cell(text, 600, lines=True) for text in row]) for row in zip(*(t for _, t in columns), strict=True)]
    names = [name for name, _ in columns]
    more = 0 if only else result.more
    return table(names, rows, len(rows) + more, Room(40_000), "the first ones matter most")


def _result_html(checked: Checked, result: Result, *, brief: bool) -> str:
    about = _words(result.check.about)
    if result.ok:
        return f'<div class="pe-good">{mark("✔", "passed")} {about}</div>'
    shown = "" if brief else _findings_html(result)
    hints = checked.shown_hints(result.check)
    for number, hint in enumerate(hints, 1):
        label = f"hint {number} of {len(result.check.hints)}"
        shown += f'<div class="pe-box pe-info">{mark("☞", label)} {_words(hint)}</div>'
    shown += "" if brief else _traceback(result)
    title = f"{mark('✘', 'not yet')} {about}"
    return f'<div class="pe-bad">{section(title, shown)}</div>'


def checked_text(checked: Checked) -> str:
    """Say the same in plain text."""
    lines = [f"{'✔ solved' if checked.ok else '➜ not yet'}: {visible(_title(checked), 300)}"]
    lines += [f"  note: {visible(note, 600)}" for note in checked.notes]
    if common := checked.common_error:
        lines.append("  The same error in every check. The hints are for what comes after it.")
        lines += _findings_text(common, 1)
    for result in checked.results:
        lines.append(f"  {'✔' if result.ok else '✘'} {visible(result.check.about, 500)}")
        if result.ok:
            continue
        lines += [] if common else _findings_text(result, 10)
        hints = checked.shown_hints(result.check)
        lines += [f"      hint {n} of {len(result.check.hints)}: {visible(h, 2000)}" for n, h in enumerate(hints, 1)]
    return "\n".join([*lines, *_next_hint(checked)])


def _findings_text(result: Result, limit: int) -> list[str]:
    lines = []
    for what, expected, yours in result.findings[:limit]:
        lines.append(f"      {visible(what, 300)}")
        named = (("expected:", expected), ("yours:   ", yours))
        lines += [f"        {name} {visible(' '.join(text.split(chr(10))), 600)}" for name, text in named if text]
    if limit > 1 and (rest := len(result.findings[limit:]) + result.more) > 0:
        lines.append(f"      ... and {count(rest, 'more difference')}")
    return lines + [f"      {visible(line, 300)}" for line in result.traceback.splitlines()[-4:]]
