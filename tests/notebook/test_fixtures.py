"""Fixtures in a notebook: the words of ``%pe``, reports as tables, the review."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pe_kit import Engine
from pe_kit.errors import UsageError
from pe_kit.fixtures import load, pending
from pe_kit.notebook.fixtures import differences_html, report_html

PLUGIN = """
def process_writes(influxdb3_local, table_batches, args=None):
    for batch in table_batches:
        for row in batch["rows"]:
            if batch["table_name"] == "cpu":
                influxdb3_local.write(LineBuilder("out").string_field("s", f"<b>{row['v']}</b>").time_ns(row["time"]))
"""


@pytest.fixture
def magics(shell: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins/p.py").write_text(PLUGIN)
    with Engine(start=0, plugin_dir=tmp_path / "plugins") as engine:
        shell.user_ns["engine"] = engine
        engine.create_database("db")
        engine.create_trigger("t", db="db", path="p.py", spec="all_tables")
        engine.write("cpu v=1 1\ncpu v=2 2", "db", precision="ns")
        yield shell


def _fail(path: Path = Path("fixtures/kept")) -> Path:
    Path("plugins/p.py").write_text(PLUGIN.replace("</b>", "</i>"))
    assert not load(path).replay("plugins").ok
    return path


def test_freeze_says_where_it_is(magics: Any) -> None:
    card = magics.run_line_magic("pe", "freeze kept")
    assert card.word == "frozen"
    assert ("folder", "fixtures/kept") in list(card.rows)
    other = magics.run_line_magic("pe", "freeze kept --last 1 --as pytest --to tests")
    assert ("file", "tests/test_kept.py") in list(other.rows)


def test_accept_lists_what_is_pending_and_takes_it_by_number_name_and_row(magics: Any) -> None:
    magics.run_line_magic("pe", "freeze kept")
    _fail()
    card = magics.run_line_magic("pe", "accept")
    assert [row[:2] for row in card.rows] == [("1", "kept")]
    assert "1 difference of kept" in magics.run_line_magic("pe", "accept kept --rows 1").title
    assert "of kept" in magics.run_line_magic("pe", "accept 1").title
    assert load("fixtures/kept").replay("plugins").ok


def test_reject_throws_it_away(magics: Any) -> None:
    magics.run_line_magic("pe", "freeze kept")
    path = _fail()
    magics.run_line_magic("pe", "reject kept")
    assert not pending.is_pending(path)
    with pytest.raises(UsageError, match="nothing is pending as 'kept'"):
        magics.run_line_magic("pe", "reject kept")


def test_a_report_is_a_coloured_table_with_escaped_data(magics: Any) -> None:
    magics.run_line_magic("pe", "freeze kept")
    path = _fail()
    report = load(path).replay("plugins")
    html = report_html(report)
    assert "&lt;b&gt;1.0&lt;/i&gt;" in html
    assert "<b>1.0" not in html
    assert '<td class="pe-short"><bdi>~ changed</bdi></td>' in html, "short words are not broken"
    assert "failed" in html
    well = report_html(load(path).replay())
    assert "THE LIVE p.py WAS NOT TESTED" in well
    assert "no difference" in differences_html(load(path).replay().differences)


def test_what_is_pending_is_reviewed_row_by_row_in_the_workbench(magics: Any) -> None:
    magics.run_line_magic("pe", "freeze kept --to elsewhere")
    path = _fail(Path("elsewhere/kept"))
    view = magics.run_line_magic("pe", "review --to elsewhere")
    assert view.pane == "fixtures"
    assert view.choices["folders"] == [["elsewhere", "elsewhere"]]
    assert "⚠ pending" in view.body
    found = load(path).pending
    view.do("accept", id=str(path), row=[str(found[0].row)])
    assert view.code == f"%pe accept kept --rows {found[0].row} --to elsewhere"
    assert len(load(path).pending) == len(found) - 1
    view.do("reject", id=str(path))
    assert not pending.is_pending(path)
    view.close()


def test_in_ci_a_review_accepts_nothing(magics: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    magics.run_line_magic("pe", "freeze kept")
    path = _fail()
    view = magics.run_line_magic("pe", "review")
    monkeypatch.setenv("CI", "true")
    view.do("accept", id=str(path), row=[str(change.row) for change in load(path).pending])
    assert "in CI nothing is accepted" in view.last
    view.close()
