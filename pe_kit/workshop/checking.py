"""Checking an answer: the cell's plugin does again what each check's fixture holds; what differs is put in words."""

from __future__ import annotations

import json
import re
import runpy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from pe_kit.clock import as_text
from pe_kit.errors import UsageError
from pe_kit.fixtures import load as load_fixture
from pe_kit.fixtures.changes import Differences, compare
from pe_kit.fixtures.playing import Sources, play
from pe_kit.fixtures.records import database_of
from pe_kit.notebook.plugincell import check_source, plugin_card
from pe_kit.workshop import progress
from pe_kit.workshop.exercises import Check, Exercise, load

__all__ = ["PLUGIN", "Checked", "Finding", "Result", "attempt", "check", "kept"]

PLUGIN = "plugin.py"
"""The file that the learner's cell takes the place of."""

_FRAMEWORK = ("starting execution", "finished execution", "error executing ", "error running ")
_LIMIT = 40  # differences of one check; more tell a learner nothing


class Finding(NamedTuple):
    """One difference in words: what it is about, what was expected, what the answer gave."""

    what: str
    expected: str = ""
    yours: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """How one check went. ``more`` differences are not among the findings; ``traceback`` is the plugin's."""

    check: Check
    findings: tuple[Finding, ...] = ()
    more: int = 0
    traceback: str = ""

    @property
    def ok(self) -> bool:
        """True when nothing differs."""
        return not self.findings


@dataclass(frozen=True, slots=True)
class Checked:
    """What the checker says of an answer.

    Attributes:
        hints: check -> how many hints are shown.
        notes: what else there is to say, of the plugin or of the progress.
    """

    exercise: Exercise
    results: tuple[Result, ...]
    hints: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """True when every check passed."""
        return all(result.ok for result in self.results)

    @property
    def passed(self) -> list[str]:
        """The names of the checks that passed."""
        return [result.check.name for result in self.results if result.ok]

    @property
    def common_error(self) -> Result | None:
        """Where every check fails with the same error: the first of them."""
        firsts = {result.findings[0] for result in self.results if result.findings}
        same = len(firsts) == 1 and all(result.findings for result in self.results) and len(self.results) > 1
        return self.results[0] if same and next(iter(firsts)).what.startswith("an error") else None

    def shown_hints(self, check: Check) -> tuple[str, ...]:
        """Give the hints of a failed check that are shown: the first, and those that were asked for."""
        return check.hints[: max(1, self.hints.get(check.name, 1))]

    def __repr__(self) -> str:
        from pe_kit.workshop.display import checked_text

        return checked_text(self)


def attempt(number: str, source: str, *, hint: bool = False, folder: Path | None = None) -> Checked:
    """Check an answer and remember it in the folder's progress file.

    Args:
        hint: show one more hint of each check that fails.
        folder: of the notebook; without it the working directory. Exercises in it go before the package's.

    Raises:
        UsageError: there is no such exercise, Python cannot read the answer, or the progress file cannot be read.
    """
    folder = folder or Path.cwd()
    exercise = load(number, folder)
    try:
        check_source("the cell", source)
    except UsageError as error:
        raise UsageError(error.message, mend="Mend it, and run the cell again.") from None
    card = plugin_card("The cell", source, exercise.spec)
    said = ". ".join([card.title, *(text for name, text in card.rows if name == "mend")])
    notes = (said,) if card.tone == "warn" and (exercise.path / "fixtures").is_dir() else ()
    before = progress.read(folder).get(number, progress.Done())
    results = check(exercise, source)
    hints = dict(before.hints)
    for one in (result.check for result in results if not result.ok):
        hints[one.name] = min(len(one.hints), hints.get(one.name, 0) + (hint or one.name not in hints))
    checked = Checked(exercise, results, hints, notes)
    done = progress.Done(before.attempts + 1, before.solved or checked.ok, tuple(checked.passed), hints)
    try:
        progress.keep(folder, number, done)
    except OSError as error:
        lost = f"Not remembered: {folder / progress.FILE}: {error.strerror or error}"
        return replace(checked, notes=(*notes, lost))
    return checked


def check(exercise: Exercise, source: str) -> tuple[Result, ...]:
    """Check an answer, the text of a cell, against all checks of an exercise. Nothing is written to the disk."""
    return tuple(_by_fixture(exercise, one, source) for one in exercise.checks)


def _by_fixture(exercise: Exercise, one: Check, source: str) -> Result:
    folder = exercise.path / "fixtures" / one.name
    if not folder.is_dir():
        return _by_function(exercise, one, source)
    fixture = load_fixture(folder).fixture
    files = {**fixture.plugins, PLUGIN: source.encode()}
    played = play(fixture, Sources(files, frozenset({PLUGIN})), dry_run=False)
    found = compare(kept(one, fixture.expected), kept(one, played.files), fixture.tolerances)
    traceback = next((run.traceback for run in played.runs if run.traceback), None) if found else None
    findings = sorted(_findings(found), key=lambda finding: not finding.what.startswith("an error"))
    if findings and findings[0].what.startswith("an error"):  # which makes the response a 500 by itself
        findings = [finding for finding in findings if not finding.what.startswith("the response")]
    return Result(one, tuple(findings[:_LIMIT]), max(0, len(findings) - _LIMIT), traceback or "")


def _by_function(exercise: Exercise, one: Check, source: str) -> Result:
    functions = runpy.run_path(str(exercise.path / "checks.py"))
    try:
        said = functions[one.name.replace("-", "_")](source)
    except Exception as error:  # the learner's code may raise anything
        return Result(one, (Finding("an error", yours=f"{type(error).__name__}: {error}"),))
    return Result(one) if said is None else Result(one, (Finding(str(said)),))


# -- what of a run is compared ----------------------------------------------------------------------------------------


def kept(one: Check, files: Mapping[str, str]) -> dict[str, str]:
    """Leave of the files below ``expected/`` what a check compares; the same again changes nothing."""
    return {name: text for name, whole in files.items() if (text := _kept(one, name, whole))}


def _kept(one: Check, name: str, text: str) -> str:
    if database_of(name) is not None:
        return text if "writes" in one.compare else ""
    if name == "logs.jsonl" and {"logs", "warnings"} & set(one.compare):
        levels = {"INFO", "WARN", "ERROR"} if "logs" in one.compare else {"WARN", "ERROR"}
        return _rows(text, lambda row: row["level"] in levels and not row["text"].startswith(_FRAMEWORK))
    if name == "runs.jsonl":
        return _rows(text, lambda row: "error" in row or "rejected" in row)
    if name.startswith("response-") and "responses" in one.compare:
        return _response(text)
    return text if name == "refused.jsonl" or (name == "cache.json" and "cache" in one.compare) else ""


def _rows(text: str, wanted: Any) -> str:
    return "".join(f"{line}\n" for line in text.splitlines() if wanted(json.loads(line)))


def _response(text: str) -> str:
    """Write a response as one record, JSON bodies by their keys, so that their order and spaces do not count."""
    data = json.loads(text)
    if "headers" in data:
        kind = ", ".join(v for k, v in data["headers"].items() if k.lower() == "content-type")
        body: Any = data.get("body", data.get("body_base64"))
        if kind == "application/json":
            try:
                body = json.loads(body)
            except ValueError:
                kind = f"{kind}, which the body is not"
        cells = {f"body: {k}": v for k, v in sorted(body.items())} if isinstance(body, dict) else {"body": body}
        data = {"status": data["status"], "content type": kind} | cells
    cells = {
        k: v if isinstance(v, str | int | float | None) else json.dumps(v, sort_keys=True) for k, v in data.items()
    }
    return json.dumps(cells, ensure_ascii=False, indent=2) + "\n"


# -- differences in words ---------------------------------------------------------------------------------------------


def _findings(found: Differences) -> Iterator[Finding]:
    for change in found:
        noun, tell = _noun(change.file)
        if change.column == "*":
            what = f"{noun} that should not be there" if change.change == "added" else f"{noun} is missing"
            yield Finding(what, tell(change.before), tell(change.after))
        else:
            about = f"{change.column} of {change.key}" if change.key and noun != "a log row" else change.column
            yield Finding(f"{noun}: {about}", _said(change.before), _said(change.after))


def _noun(file: str) -> tuple[str, Any]:
    """Say what the records of a file are, and how one is put in words."""
    if (database := database_of(file)) is not None:
        return f"a line in {database}", lambda text: _line(text or "")
    if file.startswith("response-"):
        number = int(re.sub(r"\D", "", file))
        return "the response" if number == 1 else f"the response to event {number}", lambda text: text or ""
    noun, names = {
        "logs.jsonl": ("a log row", ("level", "text")),
        "runs.jsonl": ("an error", ("error", "rejected")),
        "cache.json": ("a cache entry", ("key", "value", "expires")),
        "refused.jsonl": ("an error", ("error",)),
    }[file]
    return noun, lambda text: _cells(text, names)


def _line(text: str) -> str:
    """Write a line of line protocol with a time that can be read."""
    line, _, time = text.rpartition(" ")
    return f"{line}  at {as_text(int(time))}" if time.lstrip("-").isdigit() else text


def _cells(text: str | None, names: tuple[str, ...]) -> str:
    row = json.loads(text) if text else {}
    return "  ".join(_plain(row[name]) for name in names if name in row)


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return "; ".join(map(_plain, value))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _said(value: Any) -> str:
    return "nothing" if value is None else repr(value) if isinstance(value, str | bool | float | int) else f"{value}"
