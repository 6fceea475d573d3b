"""Makes the fixtures of exercises anew: python workshop/make_exercises.py [NN.M ...]

Format and places: help(pe_kit.workshop).
"""

import runpy
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pe_kit import Engine, Limits
from pe_kit.fixtures.files import write_folder
from pe_kit.fixtures.format import Fixture, as_files
from pe_kit.fixtures.freeze import record
from pe_kit.workshop.checking import PLUGIN, kept
from pe_kit.workshop.exercises import Check, Exercise, load

HERE = Path(__file__).parent
STUB = b'"""The cell of the exercise takes the place of this file."""\n'
LIMITS = Limits(run_time="5s")  # an answer that never ends is stopped


def fixture(exercise: Exercise, check: Check, scenario, solution: str) -> Fixture:
    """Let a scenario fire the solution, and give what is compared of what came of it."""
    with Engine(start=exercise.start, limits=LIMITS) as engine:
        engine.write_plugin(PLUGIN, solution)
        if exercise.spec is not None:
            engine.create_database(exercise.database)
            settings = {"path": PLUGIN, "spec": exercise.spec, "arguments": exercise.arguments}
            engine.create_trigger("exercise", db=exercise.database, **settings)
        scenario(engine)
        made = record(engine, check.name)
    plugins = {name: STUB if name == PLUGIN else content for name, content in made.plugins.items()}
    return replace(
        made, plugins=plugins, expected=kept(check, made.expected), tolerances=dict(exercise.tolerances), masked=()
    )


def fixtures(number: str) -> Iterator[tuple[Path, dict[str, bytes]]]:
    """Give folder and files of each fixture of an exercise; none where it has no scenarios."""
    exercise = load(number)
    scenarios = HERE / "scenarios" / f"{number}.py"
    if not scenarios.exists():
        return
    functions = runpy.run_path(str(scenarios))
    solution = (HERE / "solutions" / f"{number}.py").read_text(encoding="utf-8")
    for check in exercise.checks:
        made = fixture(exercise, check, functions[check.name.replace("-", "_")], solution)
        yield exercise.path / "fixtures" / check.name, as_files(made)


if __name__ == "__main__":
    for number in sys.argv[1:] or sorted(path.stem for path in (HERE / "scenarios").glob("*.py")):
        for folder, files in fixtures(number):
            folder.parent.mkdir(parents=True, exist_ok=True)
            write_folder(folder, files, replaces="fixture.toml")
            print(folder)
