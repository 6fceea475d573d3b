"""The checker: what it says of an answer, what it remembers, and what it leaves alone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pe_kit import Engine
from pe_kit.errors import FixtureError, UsageError
from pe_kit.fixtures.files import write_folder
from pe_kit.fixtures.format import as_files
from pe_kit.fixtures.freeze import record
from pe_kit.workshop import progress
from pe_kit.workshop.checking import attempt
from pe_kit.workshop.display import checked_html
from pe_kit.workshop.exercises import folders

SOLUTION = """
def process_writes(influxdb3_local, table_batches, args=None):
    for batch in table_batches:
        for row in batch["rows"]:
            if row["temp"] > 75:
                influxdb3_local.warn(f"{row['city']} is hot: {row['temp']}")
"""
OR_EQUAL = SOLUTION.replace(">", ">=")
NOTHING = "def process_writes(influxdb3_local, table_batches, args=None):\n    pass\n"


def test_a_failed_check_shows_what_differs_and_its_first_hint(tmp_path: Path) -> None:
    checked = attempt("01.1", OR_EQUAL, folder=tmp_path)
    assert not checked.ok
    text = repr(checked)
    assert "3 of 4 checks passed" in text
    assert "yours:    WARN  seattle is hot: 75.0" in text
    assert "hint 1 of 2: Look at the comparison" in text
    assert "hint 2" not in text


def test_the_next_hint_comes_on_request_and_stays(tmp_path: Path) -> None:
    attempt("01.1", OR_EQUAL, folder=tmp_path)
    asked = attempt("01.1", OR_EQUAL, folder=tmp_path, hint=True)
    again = attempt("01.1", OR_EQUAL, folder=tmp_path)
    last = attempt("01.1", OR_EQUAL, folder=tmp_path, hint=True)
    assert ["hint 2 of 2" in repr(checked) for checked in (asked, again, last)] == [True] * 3
    assert "--hint" not in repr(last)  # there is none left


def test_what_was_done_is_remembered_in_one_readable_file(tmp_path: Path) -> None:
    attempt("01.1", NOTHING, folder=tmp_path)
    attempt("01.1", SOLUTION, folder=tmp_path)
    attempt("01.1", NOTHING, folder=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["workshop-progress.toml"]
    done = progress.read(tmp_path)["01.1"]
    assert (done.attempts, done.solved, done.passed) == (3, True, ("a-cool-reading", "exactly-the-limit"))
    assert 'passed = ["a-cool-reading", "exactly-the-limit"]' in (tmp_path / progress.FILE).read_text()


def test_other_entries_of_the_file_stay(tmp_path: Path) -> None:
    progress.keep(tmp_path, "77.7", progress.Done(attempts=9))
    attempt("01.1", SOLUTION, folder=tmp_path)
    assert progress.read(tmp_path)["77.7"].attempts == 9


@pytest.mark.parametrize("text", ["[", '["01.1"]\nbest = 1\n', '["01.1"]\nhints = 3\n'])
def test_a_file_that_cannot_be_read_is_named_and_not_overwritten(tmp_path: Path, text: str) -> None:
    (tmp_path / progress.FILE).write_text(text)
    with pytest.raises(UsageError, match=r"(?s)workshop-progress\.toml cannot be read.*delete it"):
        attempt("01.1", SOLUTION, folder=tmp_path)
    assert (tmp_path / progress.FILE).read_text() == text


def test_an_answer_in_a_folder_that_is_gone_is_checked_all_the_same(tmp_path: Path) -> None:
    checked = attempt("01.1", SOLUTION, folder=tmp_path / "gone")
    assert checked.ok
    assert "Not remembered" in repr(checked)
    assert "Not remembered" in checked_html(checked)


def test_a_failed_check_leaves_the_fixtures_alone(tmp_path: Path) -> None:
    folder = folders()["01.1"]
    before = sorted(folder.rglob("*"))
    attempt("01.1", NOTHING, folder=tmp_path)
    assert sorted(folder.rglob("*")) == before


def test_what_an_answer_says_is_escaped(tmp_path: Path) -> None:
    hostile = SOLUTION.replace("is hot", "<script>alert(1)</script>\u202e\x1b[31m")
    checked = attempt("01.1", hostile, folder=tmp_path)
    html = checked_html(checked)
    assert "<script>" not in html
    assert "&lt;script&gt;alert(1)" in html
    assert "\x1b" not in html + repr(checked)
    assert "\u202e" not in html + repr(checked)


def test_a_warning_with_another_text_is_shown_beside_the_expected_one(tmp_path: Path) -> None:
    checked = attempt("01.1", SOLUTION.replace('f"', '"'), folder=tmp_path)
    assert checked.results[0].findings == (
        ("a log row: text", "'seattle is hot: 81.5'", """"{row['city']} is hot: {row['temp']}\""""),
    )


def test_a_function_that_cannot_be_called_is_named_with_the_mend(tmp_path: Path) -> None:
    checked = attempt("01.1", SOLUTION.replace(", args=None", ""), folder=tmp_path)
    assert checked.notes == (
        "The cell: process_writes takes 2 positional arguments, 3 are given. Add the parameter `args=None` at the end.",
    )


def test_an_error_of_the_plugin_is_shown_with_its_line(tmp_path: Path) -> None:
    checked = attempt("01.1", SOLUTION.replace('"temp"', '"tmp"'), folder=tmp_path)
    first = checked.results[0]
    assert first.findings[0].yours == "KeyError: 'tmp'"
    assert 'if row["tmp"] > 75' in first.traceback
    assert "KeyError" in checked_html(checked)


def test_an_error_that_is_everywhere_is_said_once(tmp_path: Path) -> None:
    checked = attempt("01.1", f"import nothing_of_this_name\n{SOLUTION}", folder=tmp_path)
    for said in (repr(checked), checked_html(checked)):
        assert said.count("ModuleNotFoundError") == 1
        assert "The same error in every check" in said
        assert said.count("hint 1 of 2") == 4


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (NOTHING.replace("process_writes", "process_write"), "is 'process_write' meant to be 'process_writes'?"),
        (f"async {NOTHING}", "write a plain `def`"),
    ],
)
def test_a_function_that_is_never_called_is_explained(tmp_path: Path, answer: str, said: str) -> None:
    checked = attempt("01.1", answer, folder=tmp_path)
    assert said in repr(checked)
    assert "note" in checked_html(checked)


def test_what_python_cannot_read_is_shown_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"(?s)line 3 of the cell.*Mend it, and run the cell again"):
        attempt("01.1", "def process_writes(a, b, c):\n    if\n", folder=tmp_path)


@pytest.mark.slow
def test_an_answer_that_never_ends_is_stopped(tmp_path: Path) -> None:
    _exercise(tmp_path, '"writes"', lambda engine: engine.write("t v=1", "db"))
    endless = "def process_writes(influxdb3_local, table_batches, args=None):\n    while True:\n        pass\n"
    checked = attempt("99.1", endless, folder=tmp_path)
    assert checked.results[0].findings[0].yours.startswith("RunLimitError")


def test_an_unknown_exercise_is_answered_with_the_near_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"01\.1"):
        attempt("1.1", SOLUTION, folder=tmp_path)


@pytest.mark.parametrize(
    ("more", "said"),
    [("compare = ['colour']", "colour"), ("hints = []", "no hints"), ("colour = 1", "colour"), ("][", "exercise.toml")],
)
def test_an_exercise_that_is_not_as_it_should_be_says_so(tmp_path: Path, more: str, said: str) -> None:
    hints = "" if "hints" in more else "hints = ['h']\n"
    _toml(tmp_path, f"title = 't'\n[[check]]\nname = 'a'\nabout = 'b'\n{hints}{more}\n")
    with pytest.raises(FixtureError, match=said):
        attempt("99.1", "", folder=tmp_path)


# -- an exercise of a learner's folder -------------------------------------------------------------------------------


def _toml(folder: Path, text: str) -> Path:
    path = folder / "exercises" / "99.1"
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    (path / "exercise.toml").write_text(text)
    return path


def _exercise(folder: Path, compared: str, scenario, plugin: str = NOTHING, spec: str = "all_tables") -> None:
    from pe_kit import Limits

    head = "title = 't'\n[[check]]\nname = 'a'\nabout = 'b'\nhints = ['h']\n"
    path = _toml(folder, f"{head}compare = [{compared}]\n")
    with Engine(start=0, limits=Limits(run_time="1s")) as engine:
        engine.create_database("db")
        engine.write_plugin("plugin.py", plugin)
        engine.create_trigger("t", db="db", path="plugin.py", spec=spec)
        scenario(engine)
        write_folder(path / "fixtures" / "a", as_files(record(engine, "a")), replaces="fixture.toml")


REQUEST = "def process_request(local, query, headers, body, args=None):\n    "


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        ("return {'b': [2, 3], 'a': 1}", []),  # the order of keys does not count
        ("import json; return json.dumps({'a': 1,'b': [2,3]}), {'Content-Type': 'application/json'}", []),
        ("return {'a': 1, 'b': [2, 4]}", ["the response: body: b"]),
        ("return {'a': 1, 'b': [2, 3]}, 201", ["the response: status"]),
        ("return {'a': 1}", ["the response: body: b"]),
    ],
)
def test_json_is_compared_by_its_keys(tmp_path: Path, answer: str, what: list[str]) -> None:
    right = f"{REQUEST}return {{'a': 1, 'b': [2, 3]}}"
    _exercise(tmp_path, '"responses"', lambda engine: engine.request("p"), right, "request:p")
    checked = attempt("99.1", REQUEST + answer, folder=tmp_path)
    assert [finding.what for finding in checked.results[0].findings] == what


def test_only_what_a_check_compares_counts(tmp_path: Path) -> None:
    busy = """
def process_writes(influxdb3_local, table_batches, args=None):
    influxdb3_local.warn("w")
    influxdb3_local.cache.put("k", 1)
"""
    for compared, ok in (('"writes"', True), ('"logs"', False), ('"warnings"', False), ('"cache"', False)):
        _exercise(tmp_path, compared, lambda engine: engine.write("t v=1", "db"))
        assert attempt("99.1", busy, folder=tmp_path).ok is ok, compared
        assert attempt("99.1", NOTHING, folder=tmp_path).ok, compared


def test_info_rows_are_free_where_warnings_are_compared(tmp_path: Path) -> None:
    chatty = NOTHING.replace("pass", "influxdb3_local.info('looking')")
    _exercise(tmp_path, '"warnings"', lambda engine: engine.write("t v=1", "db"))
    assert attempt("99.1", chatty, folder=tmp_path).ok


def test_a_check_may_be_a_function_of_the_cell(tmp_path: Path) -> None:
    path = _toml(tmp_path, "title = 't'\n[[check]]\nname = 'has-it'\nabout = 'b'\nhints = ['h']\n")
    body = "def has_it(cell):\n    return None if 'it' in cell else f'{1 / len(cell)} is missing'\n"
    (path / "checks.py").write_text(body)
    assert attempt("99.1", "it", folder=tmp_path).ok
    assert "0.5 is missing" in repr(attempt("99.1", "no", folder=tmp_path))
    assert "ZeroDivisionError" in repr(attempt("99.1", "", folder=tmp_path))
