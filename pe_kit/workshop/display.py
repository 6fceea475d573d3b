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
    parts += [_result_html(checked, result) for result in checked.results]
    foot = [checked.note] * bool(checked.note)
    if not checked.ok:
        foot += [*_next_hint(checked), f"What goes in: {checked.exercise.path}"]
    parts += [f'<div class="pe-dim">{data(text, 400)}</div>' for text in foot]
    return page("".join(parts))


def _result_html(checked: Checked, result: Result) -> str:
    about = _words(result.check.about)
    if result.ok:
        return f'<div class="pe-good">{mark("✔", "passed")} {about}</div>'
    columns = [("what differs", [f.what for f in result.findings])]
    columns += [("expected", [f.expected for f in result.findings]), ("yours", [f.yours for f in result.findings])]
    columns = [(name, texts) for name, texts in columns if any(texts)]
    rows = [("", [cell(text, 600) for text in row]) for row in zip(*(texts for _, texts in columns), strict=True)]
    names = [name for name, _ in columns]
    shown = table(names, rows, len(rows) + result.more, Room(40_000), "the first ones matter most")
    hints = checked.shown_hints(result.check)
    for number, hint in enumerate(hints, 1):
        label = f"hint {number} of {len(result.check.hints)}"
        shown += f'<div class="pe-box pe-info">{mark("☞", label)} {_words(hint)}</div>'
    if result.traceback:
        shown += pre(result.traceback, 4000)
    title = f"{mark('✘', 'not yet')} {about}"
    return f'<div class="pe-bad">{section(title, shown)}</div>'


def checked_text(checked: Checked) -> str:
    """Say the same in plain text."""
    lines = [f"{'✔ solved' if checked.ok else '➜ not yet'}: {visible(_title(checked), 300)}"]
    for result in checked.results:
        lines.append(f"  {'✔' if result.ok else '✘'} {visible(result.check.about, 500)}")
        if result.ok:
            continue
        for what, expected, yours in result.findings[:10]:
            lines.append(f"      {visible(what, 300)}")
            lines += [
                f"        {name} {visible(text, 300)}"
                for name, text in (("expected:", expected), ("yours:   ", yours))
                if text
            ]
        if (rest := len(result.findings[10:]) + result.more) > 0:
            lines.append(f"      ... and {count(rest, 'more difference')}")
        lines += [f"      {visible(line, 300)}" for line in result.traceback.splitlines()[-4:]]
        hints = checked.shown_hints(result.check)
        lines += [f"      hint {n} of {len(result.check.hints)}: {visible(h, 2000)}" for n, h in enumerate(hints, 1)]
    lines += [*_next_hint(checked), *[visible(checked.note, 400)] * bool(checked.note)]
    return "\n".join(lines)
