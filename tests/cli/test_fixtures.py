"""``pe-kit fixtures``: what it prints, and its exit status."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pe_kit import Engine
from pe_kit.cli.main import app
from pe_kit.errors import PeKitError

PLUGIN = """
def process_writes(influxdb3_local, table_batches, args=None):
    for batch in table_batches:
        for row in batch["rows"]:
            influxdb3_local.write(LineBuilder("out").float64_field("v", row["v"] * 2).time_ns(row["time"]))
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text('[tool.pe_kit]\nfixtures = "kept"\nplugin_dir = "plugins"\n')
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins/p.py").write_text(PLUGIN)
    with Engine(start=0, plugin_dir="plugins") as engine:
        engine.create_database("db")
        engine.create_table("db", "cpu", [], fields={"v": "float64"})
        engine.create_trigger("t", db="db", path="p.py", spec="table:cpu")
        engine.write("cpu v=1", "db")
        engine.advance("1s")
        engine.write("cpu v=2", "db")
        engine.freeze("one", to="kept")
    shutil.copytree("kept/one", "kept/two")
    return tmp_path


def _change(project: Path) -> None:
    (project / "plugins/p.py").write_text(PLUGIN.replace("* 2", "* 3"))


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["fixtures", *arguments])


def test_check_replays_all_and_counts(project: Path) -> None:
    done = _run("check")
    assert done.exit_code == 0, done.output
    assert done.output == "2 fixtures: 2 ok, 0 failed, 0 with warnings\n"


def test_check_shows_what_differs_and_exits_with_1(project: Path) -> None:
    _change(project)
    done = _run("check")
    assert done.exit_code == 1
    assert "one: FAILED\ndb.writes.lp:\n    1 ~ out 1970-01-01T00:00:00Z: v: 2.0 -> 3.0" in done.output


def test_check_exits_with_2_when_one_cannot_be_read(project: Path) -> None:
    (project / "kept/two/fixture.toml").write_text("format = 7")
    done = _run("check", "--json")
    assert done.exit_code == 2
    told = json.loads(done.output)
    assert not told["ok"]
    assert "format 7 is newer" in told["fixtures"][1]["text"]


def test_check_takes_folders_strictness_and_the_empty_twin(project: Path) -> None:
    (project / "elsewhere").mkdir()
    assert _run("check", "kept", "--plugin-dir", "elsewhere").exit_code == 0
    assert _run("check", "kept", "--plugin-dir", "elsewhere", "--strict").exit_code == 1
    assert _run("check", "--empty-twin").exit_code == 0


@pytest.mark.slow
def test_check_shares_the_work_between_processes(project: Path) -> None:
    for n in range(6):
        shutil.copytree("kept/one", f"kept/more{n}")
    done = _run("check", "--workers", "2", "--json")
    assert done.exit_code == 0, done.output
    names = [fixture["name"] for fixture in json.loads(done.output)["fixtures"]]
    assert names == sorted(names)
    assert len(names) == 8


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_check_shares_the_work_with_the_workers_of_a_dask_scheduler(project: Path) -> None:
    """The same result over TCP; a scheduler that is not there is named."""
    from dask.distributed import LocalCluster

    _change(project)
    here = _run("check", "--json")
    with LocalCluster(n_workers=2, threads_per_worker=1, host="tcp://127.0.0.1", dashboard_address=None) as cluster:
        address = cluster.scheduler_address
        there = _run("check", "--dask", address, "--json")
    assert (there.exit_code, json.loads(there.stdout)) == (1, json.loads(here.stdout))
    with pytest.raises(PeKitError, match=f"no Dask scheduler at {address}"):
        _raise(_run("check", "--dask", address))


def test_accept_takes_all_or_some_and_reject_none(project: Path) -> None:
    _change(project)
    _run("check")
    assert _run("accept", "one", "--rows", "2").output == "accepted differences of one: 1\n"
    assert "v: 2.0 -> 3.0" in _run("check").output
    assert json.loads(_run("reject", "one", "--json").output) == {"fixtures": [{"name": "one"}]}
    told = json.loads(_run("accept", "--json").output)
    assert told == {"fixtures": [{"name": "two", "accepted": 2, "kinds": ["fix"]}]}
    _run("check")
    assert _run("accept", "--only", "fix").exit_code == 0
    assert _run("check").exit_code == 0


def test_accept_refuses_in_ci_and_where_nothing_is_pending(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PeKitError, match="nothing is pending"):
        _raise(_run("accept"))
    monkeypatch.setenv("CI", "true")
    with pytest.raises(PeKitError, match="in CI nothing is accepted"):
        _raise(_run("accept"))


def _raise(result: Result) -> None:
    assert result.exception is not None
    raise result.exception


def test_shrink_prints_the_smallest_as_a_cell(project: Path) -> None:
    _change(project)
    done = _run("shrink", "one", "--to", "small")
    assert done.exit_code == 0, done.output
    assert "engine.write('cpu v=" in done.output
    assert (project / "kept/small/fixture.toml").is_file()
    told = json.loads(_run("shrink", "one", "--keep", "writes", "--json").output.splitlines()[-1])
    assert told["lines"] == 1
    assert told["lines_before"] == 2


def test_unknown_names_are_refused_with_the_near_one(project: Path) -> None:
    with pytest.raises(PeKitError, match="there is no fixture 'ona'\nDid you mean 'one'"):
        _raise(_run("shrink", "ona"))
    _change(project)
    _run("check")
    with pytest.raises(PeKitError, match="needs one fixture"):
        _raise(_run("accept", "--rows", "1"))


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PeKitError, match="there are no fixtures"):
        _raise(_run("check", str(tmp_path)))
    with pytest.raises(PeKitError, match="there is no folder"):
        _raise(_run("check", str(tmp_path / "nowhere")))


@pytest.mark.parametrize("command", ["check", "accept", "reject", "shrink", "verify"])
def test_every_command_has_help(command: str) -> None:
    done = _run(command, "--help")
    assert done.exit_code == 0
    assert "--json" in done.output
