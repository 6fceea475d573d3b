"""The workbench as plain HTML, for saved notebooks and exports, where nothing can be pressed."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pe_kit.notebook.html import page

__all__ = ["still_html"]

_LONGEST = 125_000
"""Characters of one part that a saved notebook keeps."""

_PRESSED = re.compile(r'<button[^>]* data-do="(?!(?:travel|run|event)")[^>]*>.*?</button>')
"""Buttons that only do something; those that stand for something keep their text."""


def still_html(of: str, css: str, parts: Iterable[str]) -> str:
    """Write what a workbench shows so that it can be read without it; ``of`` is its id, beside which it is hidden."""
    note = page('<div class="pe-dim">the workbench as it was; run the cell to use it</div>')
    kept = (part if len(part) <= _LONGEST else page("this was too large to be kept here") for part in parts)
    body = re.sub(r"<(/?)button\b", r"<\1span", _PRESSED.sub("", note + "".join(kept)))
    return f'<style>{css}</style><div class="pe-still" data-of="{of}">{body}</div>'
