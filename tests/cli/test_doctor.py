"""``pe-kit doctor``: would the engine be on, why, and what to do (docs-v2, influxdb3-reference processing engine)."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pe_kit.cli.doctor import Setting, plugin_dir
from pe_kit.cli.main import app
from pe_kit.errors import UsageError

NAME = "INFLUXDB3_PLUGIN_DIR"


@pytest.fixture(autouse=True)
def _unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(NAME, raising=False)


def doctor(*words: str) -> tuple[int, dict[str, Any]]:
    done = CliRunner().invoke(app, ["doctor", "--json", *words])
    return done.exit_code, json.loads(done.output)


def test_an_option_wins_over_the_environment_over_the_file_over_the_deployment(tmp_path: Path) -> None:
    config = tmp_path / "influxdb3-core.conf"
    config.write_text('plugin-dir = "/from/file"\n')
    given = {NAME: "/from/env"}
    assert plugin_dir("deb", "/from/option", given, config).value == "/from/option"
    assert plugin_dir("deb", None, given, config).value == "/from/env"
    assert plugin_dir("deb", None, {}, config) == Setting("/from/file", f"plugin-dir in {config}")
    config.write_text('# plugin-dir = "/from/file"\n')
    assert plugin_dir("deb", None, {}, config).value is None


@pytest.mark.parametrize(
    ("deployment", "value"),
    [
        ("docker", "/plugins"),
        ("deb", "/var/lib/influxdb3/plugins"),
        ("rpm", "/var/lib/influxdb3/plugins"),
        ("binary", None),
    ],
)
def test_each_deployment_has_its_default_and_its_way_out(deployment: str, value: str | None) -> None:
    code, said = doctor("--deployment", deployment)
    assert code == 0
    assert said["engine"]["value"] == value
    assert said["engine"]["on"] == (value is not None)
    first = said["findings"][0]
    assert first["subject"] == "engine"
    assert first["mend"].startswith("To turn it off: " if value else "To turn it on: ")


def test_an_empty_variable_does_not_turn_it_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "")
    _, said = doctor()
    assert said["engine"]["on"]
    assert "is empty, which does not turn it off" in said["findings"][1]["message"]


def test_the_plugin_folder_and_what_is_in_it_are_looked_at(tmp_path: Path) -> None:
    code, said = doctor("--plugin-dir", str(tmp_path / "none"))
    assert code == 1
    assert said["findings"][-1]["mend"] == f"mkdir -p {tmp_path / 'none'}"
    tmp_path.chmod(0o777)
    (tmp_path / "p.py").write_text(
        "import no_such_module\ndef process_writes(influxdb3_local, table_batches):\n    influxdb3_local.debug('x')\n"
    )
    code, said = doctor("--plugin-dir", str(tmp_path))
    assert code == 0
    messages = [f"{one['subject']}: {one['message']}" for one in said["findings"] if one["level"] == "warning"]
    assert f"plugin folder: everybody may write in {tmp_path}" in messages
    assert "p.py: line 3: there is no influxdb3_local.debug" in messages
    assert "p.py: needs no_such_module, not installed here" in messages


def test_a_port_that_is_taken_is_said_with_a_mend() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        _, said = doctor("--port", str(port))
    (one,) = [one for one in said["findings"] if one["subject"] == f"port {port}"]
    assert (one["level"], one["mend"]) == ("warning", "Stop what listens there, or serve on another --port.")


def test_python_and_packages_are_in_the_report_and_text_has_a_mend_below_each() -> None:
    done = CliRunner().invoke(app, ["doctor"])
    assert done.exit_code == 0
    assert done.output.startswith(
        "ok      engine: off: no --plugin-dir, no INFLUXDB3_PLUGIN_DIR\n        To turn it on:"
    )
    assert "ok      packages: everything that pe_kit needs is installed" in done.output


def test_a_wrong_deployment_and_an_unreadable_file_are_wrong_uses(tmp_path: Path) -> None:
    assert isinstance(CliRunner().invoke(app, ["doctor", "--deployment", "snap"]).exception, UsageError)
    (tmp_path / "bad.conf").write_text("plugin-dir =")
    with pytest.raises(UsageError, match="cannot be read"):
        plugin_dir("deb", None, {}, tmp_path / "bad.conf")
