"""Every exercise: its solution passes, typical wrong answers fail with the hint that is meant for them."""

from __future__ import annotations

import runpy
from pathlib import Path

import nbformat
import pytest

from pe_kit.workshop.checking import Checked, check
from pe_kit.workshop.exercises import folders, load

ROOT = Path(__file__).parents[2]
NUMBERS = list(folders())
SOLUTIONS = {path.stem: path for path in (ROOT / "workshop" / "solutions").glob("*.py")}
WRONG = sorted(Path(__file__).parent.glob("wrong/*.py"))


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def test_every_exercise_has_a_solution_and_two_wrong_answers() -> None:
    wrong = [path.name.partition("-")[0] for path in WRONG]
    assert sorted(SOLUTIONS) == NUMBERS
    assert [number for number in NUMBERS if wrong.count(number) < 2] == []
    assert set(wrong) <= set(NUMBERS)


@pytest.mark.slow
def test_every_exercise_stands_in_its_lesson_with_a_start_that_is_not_right_yet() -> None:
    starts = {}
    for path in sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            first, _, source = cell.source.partition("\n")
            if cell.cell_type == "code" and first.startswith("%%exercise "):
                number = first.split()[1]
                assert number.partition(".")[0] == path.name.partition("_")[0]
                starts[number] = source
    assert sorted(starts) == NUMBERS
    assert [number for number, source in starts.items() if all(r.ok for r in check(load(number), source))] == []


@pytest.mark.parametrize("number", NUMBERS)
def test_the_solution_passes(number: str) -> None:
    exercise = load(number)
    checked = Checked(exercise, check(exercise, _text(SOLUTIONS[number])))
    assert checked.ok, checked


@pytest.mark.parametrize("path", WRONG, ids=lambda path: path.stem)
def test_a_typical_wrong_answer_fails_with_the_hint_that_is_meant_for_it(path: Path) -> None:
    first, _, source = _text(path).partition("\n")
    assert first.startswith("# fails: ")
    meant = [name.strip() for name in first.removeprefix("# fails: ").split(",")]
    exercise = load(path.name.partition("-")[0])
    checked = Checked(exercise, check(exercise, source))
    assert [result.check.name for result in checked.results if not result.ok] == meant, checked
    hints = [result.check.hints[0] for result in checked.results if not result.ok]
    assert [hint in repr(checked) for hint in hints] == [True] * len(meant)


@pytest.mark.parametrize("number", NUMBERS)
def test_the_fixtures_are_those_that_the_scenarios_make(number: str) -> None:
    make = runpy.run_path(str(ROOT / "workshop" / "make_exercises.py"))
    for folder, files in make["fixtures"](number):
        there = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
        assert there == files, f"python workshop/make_exercises.py {number}"


@pytest.mark.parametrize("number", NUMBERS)
def test_every_check_of_an_exercise_says_what_it_does_and_can_be_done(number: str) -> None:
    exercise = load(number)
    functions = (exercise.path / "checks.py").exists()
    assert all(one.about and (functions or (exercise.path / "fixtures" / one.name).is_dir()) for one in exercise.checks)
    made = exercise.path / "fixtures"
    assert {p.name for p in made.glob("*")} <= {one.name for one in exercise.checks}
