"""The page of made-up data shows what the code makes today."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

from pe_kit import synth

DOCS = Path(__file__).parents[2] / "docs"
MADE = runpy.run_path(str(DOCS / "synth/make.py"))
page, pictures = MADE["page"], MADE["pictures"]


def test_the_committed_page_and_pictures_are_what_the_gallery_writes():
    assert (DOCS / "synth.md").read_text() == page(), "run: python docs/synth/make.py"
    drawn = {p.stem: p.read_text().strip() for p in (DOCS / "synth").glob("*.svg")}
    assert drawn == {name: picture.svg for name, picture in pictures().items()}


def test_every_signal_and_imperfection_has_its_picture_on_the_page():
    shown = set(re.findall(r"synth/(\w+)\.svg", page()))
    others = {"Imperfection", "Series", "Signal", "requests", "series", "ticks"}
    assert shown == (set(synth.__all__) - others) | {"office"}


def test_the_code_on_the_page_runs():
    code = page().partition("```python\n")[2].partition("```")[0]
    names: dict[str, Any] = {}
    exec(code, names)
    assert names["outcome"].ok
    assert names["worn"].frame().shape == (len(names["worn"]), 3)
