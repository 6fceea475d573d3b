"""The command line: what each command prints and its exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from typer.testing import CliRunner

import pe_kit
from pe_kit.cli.main import app

CLI = Path(sys.executable).with_name("pe-kit")


def _notebook(folder: Path, *cells: str) -> Path:
    path = folder / "session.ipynb"
    code = [nbformat.v4.new_code_cell(source) for source in cells]
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# A session"), *code]), path)
    return path


PLUGIN = """\
def process_writes(influxdb3_local, table_batches, args=None):
    influxdb3_local.info("seen")
    influxdb3_local.write(LineBuilder("out").int64_field("n", 1))
"""
SESSION = f"""\
from pe_kit import Engine
engine = Engine(start="2026-01-01T00:00:00Z")
engine.write_plugin("p.py", {PLUGIN!r})
engine.create_database("d")
engine.create_trigger("t", db="d", path="p.py", spec="table:m")
outcome = engine.write("m v=1", "d")
"""


def test_version_is_the_package_version() -> None:
    done = CliRunner().invoke(app, ["--version"])
    assert (done.exit_code, done.output) == (0, f"pe-kit {pe_kit.__version__}\n")


def test_help_lists_the_commands() -> None:
    done = CliRunner().invoke(app, ["--help"])
    assert done.exit_code == 0
    assert all(name in done.output for name in ("demo", "lab", "fidelity"))


def test_an_unknown_command_is_a_usage_error() -> None:
    assert CliRunner().invoke(app, ["dmeo"]).exit_code == 2


@pytest.mark.slow
def test_demo_shows_progress_a_table_of_events_and_where_the_report_is(tmp_path: Path) -> None:
    report = tmp_path / "out" / "session.html"
    done = CliRunner().invoke(app, ["demo", str(_notebook(tmp_path, SESSION, "1 + 1")), "--to", str(report)])
    assert done.exit_code == 0, done.output
    assert "cell 1 of 2: A session" in done.output
    assert "write to d" in done.output
    assert report.name in done.output
    assert "<html" in report.read_text(encoding="utf-8")


@pytest.mark.slow
def test_demo_as_json_is_for_machines(tmp_path: Path) -> None:
    report = tmp_path / "session.html"
    notebook = _notebook(tmp_path, SESSION)
    done = subprocess.run([CLI, "demo", notebook, "--to", report, "--json"], capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    assert (told["report"], told["cells"], told["failed"]) == (str(report), 1, None)
    row = next(row for row in told["events"] if row["asked"] == "write to d")
    assert (row["fired"], row["lines"], row["result"]) == ("t", 1, "ok")


@pytest.mark.slow
def test_demo_fails_with_the_cell_that_failed(tmp_path: Path) -> None:
    report = tmp_path / "session.html"
    done = CliRunner().invoke(app, ["demo", str(_notebook(tmp_path, "a = 1", "a / 0", "b = 2")), "--to", str(report)])
    assert done.exit_code == 1
    assert "Cell 2 of 3 failed" in done.output
    assert "a / 0" in done.output
    assert "ZeroDivisionError" in done.output
    assert "ZeroDivisionError" in report.read_text(encoding="utf-8")


@pytest.mark.slow
def test_lab_opens_a_copy_of_the_tour_and_keeps_an_older_one(tmp_path: Path) -> None:
    folder = tmp_path / "notebooks"
    command = [CLI, "lab", "--folder", folder, "--version"]
    first = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (folder / "01_write_plugin.ipynb").exists()
    (folder / "tour.ipynb").write_text("mine", encoding="utf-8")
    subprocess.run(command, capture_output=True, text=True, check=True)
    assert first.stdout[0].isdigit()
    assert (folder / "tour.ipynb").read_text(encoding="utf-8") == "mine"


def test_the_terminals_of_lab_open_beside_the_lessons_and_know_pe_kit(tmp_path: Path) -> None:
    (tmp_path / "jupyterlab.py").write_text("import os, shutil\nprint(shutil.which('pe-kit'), os.getcwd())")
    environment = os.environ | {"PATH": os.defpath, "PYTHONPATH": str(tmp_path)}
    command = [CLI, "lab", "--folder", tmp_path / "notebooks"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(CLI), str(tmp_path / "notebooks")]


@pytest.mark.slow
def test_a_mistake_is_answered_in_a_sentence_with_status_2(tmp_path: Path) -> None:
    done = subprocess.run([CLI, "demo", tmp_path / "absent.ipynb"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("pe-kit: ")
    assert "Traceback" not in done.stderr


def test_fidelity_shows_the_ledger_and_its_count() -> None:
    done = CliRunner().invoke(app, ["fidelity", "--status", "absent"])
    rows = json.loads(CliRunner().invoke(app, ["fidelity", "--status", "absent", "--json"]).stdout)
    assert done.exit_code == 0
    assert done.output.rstrip().endswith(f"{len(rows)} absent")
    assert {row["status"] for row in rows} == {"absent"}


@pytest.mark.slow
def test_fidelity_answers_an_unknown_status_with_the_near_one() -> None:
    done = subprocess.run([CLI, "fidelity", "--status", "absnt"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (2, "pe-kit: there is no status 'absnt'\nDid you mean 'absent'?\n")


@pytest.mark.slow
def test_python_m_is_the_command_too() -> None:
    said = subprocess.run([sys.executable, "-m", "pe_kit", "--version"], capture_output=True, text=True, check=True)
    assert said.stdout == f"pe-kit {pe_kit.__version__}\n"
