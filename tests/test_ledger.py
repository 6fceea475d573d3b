"""The ledger is complete, honest about its tests, and LIMITATIONS.md is what it says."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from pe_kit import Engine
from pe_kit.ledger import ledger, ledger_frame, limitations

ROOT = Path(__file__).parents[1]
ROWS = ledger()


def test_limitations_are_in_step_with_the_ledger():
    written = (ROOT / "LIMITATIONS.md").read_text(encoding="utf-8")
    assert written == limitations(), "run: python -m pe_kit.ledger > LIMITATIONS.md"


def test_ids_and_claims_are_unique():
    assert len({row.id for row in ROWS}) == len(ROWS)
    assert len({row.claim for row in ROWS}) == len(ROWS)


def test_every_surprise_has_a_row():
    """49 of the engine and 31 of the data plane were collected when the server's source was read."""
    assert sum(row.surprise for row in ROWS) >= 49 + 31


def test_each_row_has_a_status_and_says_how_it_differs_when_it_is_not_exact():
    assert {row.status for row in ROWS} <= {"exact", "approximated", "absent"}
    assert [row.id for row in ROWS if (row.status == "exact") != (row.note == "")] == []


def test_sources_are_paths_in_public_repositories():
    shape = re.compile(r"(docs-v2:content|core|influxdb3\w*|Cargo\.lock)(/[\w.,{}*-]+)*")
    assert [row.id for row in ROWS if not shape.fullmatch(row.source)] == []


def defined(path: str) -> set[str]:
    file = ROOT / path
    if not file.is_file():
        return set()
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.slow
def test_every_test_that_a_row_names_exists():
    missing = []
    for row in ROWS:
        path, _, name = row.test.partition("::")
        if row.test and (not name.startswith("test_") or name not in defined(path)):
            missing.append(f"{row.id}: {row.test}")
    assert missing == []


def test_rows_that_error_texts_name_exist():
    named = set()
    for path in (ROOT / "pe_kit").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        named |= set(re.findall(r"fidelity ledger: (\w+\.[\w.-]*\w)", text))
        named |= set(re.findall(r'"(sql\.[a-z]+\.[a-z]+)"', text))
    assert named - {row.id for row in ROWS} == set()


def test_only_what_is_absent_may_have_no_test():
    assert [row.id for row in ROWS if not row.test and row.status != "absent"] == []


def test_the_engine_gives_the_ledger_as_a_frame():
    with Engine(plugin_dir=None) as engine:
        frame = engine.fidelity()
    assert list(frame.columns) == ["id", "claim", "status", "note", "source", "test", "surprise"]
    assert len(frame) == len(ROWS) == len(ledger_frame())


@pytest.mark.parametrize("row", [r for r in ROWS if r.status != "exact"], ids=lambda r: r.id)
def test_notes_are_sentences(row):
    assert row.note[0].isupper()
    assert row.note.endswith(".")
