"""From opening lesson 01 to the first fired event, by following it: typed and run in a real JupyterLab."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
from playwright.sync_api import expect

from pe_kit.notebook.runner import notebook_path

LESSON = "01_write_plugin.ipynb"
KEYS_A_SECOND = 8  # someone who types well
UP_TO = "%%write weather"  # the cell that fires the first event


def test_the_first_event_fires_by_following_lesson_01(
    lab_folder: Path, open_notebook: Callable[[str], Any], capsys: Any
) -> None:
    shutil.copyfile(notebook_path(LESSON), lab_folder / LESSON)
    sources = [
        cell.source for cell in nbformat.read(lab_folder / LESSON, as_version=4).cells if cell.cell_type == "code"
    ]
    needed = next(n for n, source in enumerate(sources, 1) if source.startswith(UP_TO))

    begun = time.perf_counter()
    lab = open_notebook(LESSON)
    opened = time.perf_counter()
    cells = lab.notebook.locator(".jp-CodeCell")
    for number, source in enumerate(sources[:needed]):
        _type(lab, cells.nth(number), source)
        lab.page.keyboard.press("Shift+Enter")
        lab.wait_until_idle(120)
    fired = cells.nth(needed - 1).locator(".pe-kit")
    expect(fired).to_contain_text("something was written")
    expect(fired.locator(".pe-head")).to_contain_text("1 run")
    done = time.perf_counter()

    expect(lab.errors).to_have_count(0)
    typed = sum(map(len, sources[:needed]))
    with capsys.disabled():
        print(
            f"\nfirst fired event after {done - begun:.1f} s: {opened - begun:.1f} s until lesson 01 is open with its "
            f"kernel, then {needed} cells of {typed} characters typed and run"
        )
    assert lab.picture("first-plugin").stat().st_size > 0


def _type(lab: Any, cell: Any, source: str) -> None:
    """Type a cell's text in place of what is there; the editor indents by itself."""
    editor = cell.locator(".cm-content")
    editor.click()
    lab.page.keyboard.press("Control+A")
    lab.page.keyboard.press("Delete")
    for number, line in enumerate(source.split("\n")):
        if number:
            lab.page.keyboard.press("Enter")
            lab.page.keyboard.press("Home")
            lab.page.keyboard.press("Shift+End")
        lab.page.keyboard.type(line, delay=1000 / KEYS_A_SECOND)
    typed = editor.evaluate("editor => editor.cmView.view.state.doc.toString()")
    assert [line.rstrip() for line in typed.split("\n")] == [line.rstrip() for line in source.split("\n")]
