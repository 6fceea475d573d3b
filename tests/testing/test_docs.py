"""docs/testing.md: every test on the page runs; those with the fake miss the mistakes that those with LocalApi find."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest

from pe_kit.testing import LocalApi

DOCS = Path(__file__).parents[2] / "docs"
SOURCE = (DOCS / "examples" / "climate.py").read_text()
HEAD, *SECTIONS = re.split(r"^## ", (DOCS / "testing.md").read_text(), flags=re.MULTILINE)
BLOCK = re.compile(r"^```(python(?: fake)?|diff)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Section(NamedTuple):
    title: str
    diff: str
    fake: str
    real: str


def sections() -> Iterator[Section]:
    for text in SECTIONS:
        blocks: dict[str, str] = {}
        for kind, code in BLOCK.findall(text):
            blocks[kind] = blocks.get(kind, "") + code
        yield Section(text.partition("\n")[0], *(blocks.get(kind, "") for kind in ("diff", "python fake", "python")))


COMMON, *PAGE = sections()
MISTAKES = [section for section in PAGE if section.diff]


def spoilt(diff: str) -> str:
    """The plugin as it was before the diff."""
    before = "".join(line[1:] for line in diff.splitlines(keepends=True) if line.startswith("-"))
    after = "".join(line[1:] for line in diff.splitlines(keepends=True) if line.startswith("+"))
    assert SOURCE.count(after) == 1, f"the plugin does not have these lines once:\n{after}"
    return SOURCE.replace(after, before)


def run(plugin: str, code: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """Run the tests of a block (of the first section when it is empty) against a plugin; gives how many there were."""
    climate = ModuleType("climate")
    monkeypatch.setitem(sys.modules, "climate", climate)
    exec(compile(plugin, "climate.py", "exec"), climate.__dict__)
    page: dict[str, Any] = {"__name__": "page"}
    exec(compile(COMMON.fake + COMMON.real, "testing.md", "exec"), page)
    known = set(page) if code else set()
    exec(compile(code, "testing.md", "exec"), page)
    tests: list[Callable[..., None]] = [page[name] for name in page if name.startswith("test_") and name not in known]
    for test in tests:
        test(*[LocalApi()] * test.__code__.co_argcount)
    return len(tests)


def test_the_page_puts_seven_mistakes_into_a_plugin_of_about_300_lines():
    assert len(MISTAKES) == 7
    assert 270 <= len(SOURCE.splitlines()) <= 330


@pytest.mark.parametrize("section", MISTAKES, ids=lambda s: s.title)
def test_the_fake_passes_with_the_mistake_in(section, monkeypatch):
    assert run(spoilt(section.diff), section.fake, monkeypatch) == 1


@pytest.mark.parametrize("section", MISTAKES, ids=lambda s: s.title)
def test_local_api_fails_on_the_mistake_and_passes_without_it(section, monkeypatch):
    with pytest.raises((AssertionError, Exception)):
        run(spoilt(section.diff), section.real, monkeypatch)
    assert run(SOURCE, section.real, monkeypatch) == 1


@pytest.mark.slow
def test_all_other_blocks_run(monkeypatch):
    monkeypatch.chdir(DOCS.parent)
    assert run(SOURCE, "", monkeypatch) == 2
    assert sum(run(SOURCE, section.real, monkeypatch) for section in PAGE if not section.diff) == 1
