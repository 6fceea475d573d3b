"""``pe-kit workshop``: what it copies, what it leaves alone, and what it says of the progress."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pe_kit.cli.main import app
from pe_kit.errors import UsageError
from pe_kit.workshop.checking import attempt
from pe_kit.workshop.exercises import folders

ROOT = Path(__file__).parents[2]


def _run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["workshop", *map(str, arguments)])


def test_init_copies_the_notebooks_and_exercises_and_no_solution(tmp_path: Path) -> None:
    done = _run("init", tmp_path / "ws")
    assert done.exit_code == 0, done.output
    every = {path.name for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert {path.name for path in (tmp_path / "ws").glob("*.ipynb")} == every
    assert list(folders(tmp_path / "ws").values()) == [tmp_path / "ws" / "exercises" / number for number in folders()]
    solution = (ROOT / "workshop" / "solutions" / "01.1.py").read_text().strip()
    assert [p for p in (tmp_path / "ws" / "exercises").rglob("*") if p.is_file() and solution in p.read_text()] == []


def test_what_a_notebook_links_to_is_beside_it(tmp_path: Path) -> None:
    _run("init", tmp_path)
    links = {
        (path.name, target)
        for path in tmp_path.glob("*.ipynb")
        for target in re.findall(r"\]\(([^)\s]+\.ipynb)\)", path.read_text(encoding="utf-8"))
    }
    assert len(links) > 9
    assert [link for link in links if not (tmp_path / link[1]).is_file()] == []


def test_init_again_leaves_what_a_learner_has_changed_and_says_so(tmp_path: Path) -> None:
    _run("init", tmp_path)
    (tmp_path / "tour.ipynb").write_text("mine")
    (tmp_path / "exercises/01.1/exercise.toml").unlink()
    done = _run("init", tmp_path)
    assert done.exit_code == 0
    assert "1 files written" in done.output
    assert "not overwritten, as it has been changed: tour.ipynb" in done.output
    assert (tmp_path / "tour.ipynb").read_text() == "mine"
    assert json.loads(_run("init", tmp_path, "--json").output)["kept"] == ["tour.ipynb"]


def test_init_where_it_cannot_write_says_where(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = _run("init", tmp_path / "file")
    assert isinstance(done.exception, UsageError)
    assert "cannot be written" in str(done.exception)


def test_status_sums_up_what_was_done(tmp_path: Path) -> None:
    solution = (ROOT / "workshop" / "solutions" / "01.1.py").read_text()
    attempt("01.1", "def process_writes(a, b, c):\n    pass\n", folder=tmp_path)
    assert "01.1" in _run("status", tmp_path).output
    assert json.loads(_run("status", tmp_path, "--json").output)["exercises"][0]["state"] == "begun"
    attempt("01.1", solution, folder=tmp_path)
    told = json.loads(_run("status", tmp_path, "--json").output)
    assert told["solved"] == 1
    assert told["exercises"][0] == {
        "exercise": "01.1", "title": "Warn when a city is hot", "state": "solved",
        "checks": 4, "passed": 4, "attempts": 2, "hints": 2,
    }  # fmt: skip
    assert f"1 of {len(folders())} exercises solved" in _run("status", tmp_path).output


@pytest.mark.parametrize("arguments", [("status", "no/such/folder"), ("init",)])
def test_a_wrong_use_is_no_success(arguments: tuple[str, ...]) -> None:
    assert _run(*arguments).exit_code != 0
