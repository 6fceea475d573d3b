"""The tour runs in a fresh kernel, and its report needs no network."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

from pe_kit.errors import UsageError
from pe_kit.notebook.runner import Played, Step, notebook_path, play, report_html

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("tour")]


# logs, lines and cache of the session; and the rows of its tables
LEFT = """
from hashlib import sha256
for part in (
    engine.logs().to_csv(),
    [run.written for run in engine.runs],
    engine.cache.to_csv(),
    [engine.query(f"SELECT * FROM {table} ORDER BY time, city", "weather").to_csv() for table in engine.tables("weather").table],
):
    print(sha256(repr(part).encode()).hexdigest(), len(part))
"""


@pytest.fixture(scope="module")
def steps() -> list[Step]:
    return []


@pytest.fixture(scope="module")
def played(steps: list[Step]) -> Played:
    return play(notebook_path("tour.ipynb"), steps.append)


def test_the_tour_runs_from_top_to_bottom(played: Played, steps: list[Step]) -> None:
    assert played.failure is None
    assert [step.number for step in steps] == list(range(1, played.cells + 1))
    assert all(step.heading for step in steps)


def test_no_cell_of_the_tour_complains(played: Played) -> None:
    outputs = [output for cell in played.notebook.cells for output in cell.get("outputs", ())]
    assert [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"] == []


def test_all_three_kinds_of_plugins_fire(played: Played) -> None:
    fired = " ".join(row["fired"] for row in played.caused)
    assert all(trigger in fired for trigger in ("heat_alert", "daily", "climate"))
    assert sum(row["lines"] for row in played.caused) > 28  # two cities, fourteen days, and the alerts


def test_only_the_failure_that_the_tour_shows_fails(played: Played) -> None:
    assert [row["asked"] for row in played.caused if not row["ok"]] == ["POST climate"]


def test_the_report_is_one_page_that_fetches_nothing(played: Played) -> None:
    html = report_html(played.notebook, "The tour")
    assert (
        re.findall(r"<script[^>]*src=|<link[^>]*href=|<img[^>]*src=\"(?!data:)|@import|url\((?!['\"]?data:)", html)
        == []
    )
    assert "<svg" in html or "data:image/svg+xml" in html


def test_the_tour_leaves_the_same_bytes_whenever_it_runs(tmp_path: Path) -> None:
    notebook = nbformat.read(notebook_path("tour.ipynb"), as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(LEFT))
    nbformat.write(notebook, tmp_path / "tour.ipynb")
    first, second = (play(tmp_path / "tour.ipynb").notebook.cells[-1].outputs[0].text for _ in range(2))
    assert len(first.splitlines()) == 4
    assert first == second


def test_a_failing_cell_stops_the_run_and_says_where(tmp_path: Path) -> None:
    cells = [
        nbformat.v4.new_markdown_cell("# Start"),
        nbformat.v4.new_code_cell("x = 1"),
        nbformat.v4.new_markdown_cell("## Trouble\nprose"),
        nbformat.v4.new_code_cell("x / 0"),
        nbformat.v4.new_code_cell("never = True"),
    ]
    path = tmp_path / "bad.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    before = path.read_bytes()
    played = play(path)
    assert played.failure is not None
    assert played.failure.step == Step(2, 3, "Trouble")
    assert played.failure.source == "x / 0"
    assert "ZeroDivisionError" in played.failure.text
    assert played.cells == 2
    assert path.read_bytes() == before


def test_an_unknown_notebook_is_answered_with_the_near_one() -> None:
    with pytest.raises(UsageError, match=r"tour\.ipynb"):
        notebook_path("tours.ipynb")
