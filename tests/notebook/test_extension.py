"""%load_ext pe_kit in a real IPython."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from typing import Any

import pytest

from pe_kit import Engine
from pe_kit.notebook.completion import Completion
from pe_kit.notebook.extension import load

PLUGIN = "def process_writes(influxdb3_local, table_batches, args=None):\n    influxdb3_local.info('<b>')\n"


def test_load_ext_puts_an_engine_with_limits_in_the_notebook(ipython: Any) -> None:
    ipython.user_ns.pop("engine", None)
    ipython.run_cell("%load_ext pe_kit").raise_error()
    engine = ipython.user_ns["engine"]
    assert isinstance(engine, Engine)
    assert (engine.limits.run_time, engine.limits.memory) == ("30s", "2GiB")
    engine.close()


def test_an_engine_that_is_there_stays(shell: Any) -> None:
    engine = shell.user_ns["engine"]
    shell.run_cell("%reload_ext pe_kit").raise_error()
    assert shell.user_ns["engine"] is engine
    assert sum(isinstance(m, Completion) for m in shell.Completer.custom_matchers) == 1


def test_another_thing_called_engine_stays_and_the_reader_is_told(shell: Any, capsys: Any) -> None:
    engine = shell.user_ns["engine"]
    shell.user_ns["engine"] = "a train"
    load(shell)
    assert shell.user_ns["engine"] == "a train"
    assert "%pe use my_engine" in capsys.readouterr().out
    shell.user_ns["engine"] = engine


def test_the_notebook_shows_html_and_text(shell: Any) -> None:
    engine = shell.user_ns["engine"]
    engine.create_database("weather")
    engine.write_plugin("p.py", PLUGIN)
    engine.create_trigger("p", db="weather", path="p.py", spec="all_tables")
    outcome = engine.write("temps v=1", "weather")
    for value in (outcome, outcome.run, engine.runs):
        shown, _ = shell.display_formatter.format(value)
        assert set(shown) == {"text/html", "text/plain"}
        assert "temps (1 row)" in shown["text/html"]
    result = shell.run_cell("try:\n    engine.write('bad', 'weather')\nexcept Exception as e:\n    error = e\nerror")
    shown, _ = shell.display_formatter.format(result.result)
    assert "^" in shown["text/html"]


@pytest.mark.slow
def test_outputs_survive_saving_and_export(shell: Any) -> None:
    import nbformat
    from nbconvert import HTMLExporter

    engine = shell.user_ns["engine"]
    engine.create_database("weather")
    engine.write_plugin("p.py", PLUGIN)
    engine.create_trigger("p", db="weather", path="p.py", spec="all_tables")
    data, _ = shell.display_formatter.format(engine.write("temps v=1", "weather"))
    cell = nbformat.v4.new_code_cell("outcome", outputs=[nbformat.v4.new_output("execute_result", data=data)])
    saved = nbformat.reads(nbformat.writes(nbformat.v4.new_notebook(cells=[cell])), as_version=4)
    html, _ = HTMLExporter().from_notebook_node(saved)
    for part in ("var(--jp-error-color1, #d32f2f)", "<details", "temps (1 row)", "<bdi>&lt;b&gt;</bdi>"):
        assert part in data["text/html"]
        assert part in html


def test_a_call_does_not_flush_the_notebooks_stream(shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a kernel a flush waits for another thread: six times as long as the call itself."""
    flushes: list[int] = []
    monkeypatch.setattr(sys.stdout, "flush", lambda: flushes.append(1))
    engine = shell.user_ns["engine"]
    engine.create_database("weather")
    engine.write_plugin("p.py", PLUGIN)
    engine.create_trigger("p", db="weather", path="p.py", spec="all_tables")
    engine.write("temps v=1", "weather")
    gc.collect()
    assert flushes == []


@pytest.mark.slow
def test_loading_imports_nothing_that_is_only_drawn_with() -> None:
    code = (
        "import sys, json\n"
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "InteractiveShell.instance().run_cell('%load_ext pe_kit').raise_error()\n"
        "print(json.dumps([m for m in ('altair', 'vl_convert', 'ipywidgets', 'datafusion', 'polars') if m in sys.modules]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == []
