"""The plugins' own virtual environment (influxdb3_processing_engine/src/environment.rs and virtualenv.rs)."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from pe_kit import Engine
from pe_kit.cli.influxdb3 import Local, run
from pe_kit.errors import PeKitError, ServerError, UsageError

USES = """\
import {name}

def process_request(influxdb3_local, query_parameters, request_headers, request_body, args=None):
    return {name}.WORD
"""


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")


def wheel(folder: Path, name: str, version: str = "1.0") -> Path:
    """A wheel made by hand: one module with one word in it."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f"WORD = {name + ' ' + version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{file},,\n" for file in [*files, f"{info}/RECORD"])
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(file, text)
    return path


@pytest.mark.slow
def test_a_plugin_says_what_it_needs_then_imports_it_from_its_own_environment(tmp_path: Path) -> None:
    with Engine(start="2026-01-01", plugin_dir=tmp_path / "plugins") as engine:
        engine.write_plugin("p.py", USES.format(name="pekit_sample_one"))
        engine.create_database("d")
        engine.create_trigger("t", db="d", path="p.py", spec="request:p")
        run_before = engine.request("p").runs[0]
        assert not run_before.ok
        assert run_before.notes == (
            "p.py needs pekit_sample_one: not installed. %influxdb3 install package pekit_sample_one",
        )
        assert not (tmp_path / "plugins/.venv").exists()
        done = engine.install_packages([str(wheel(tmp_path, "pekit_sample_one"))])
        assert done.ok, done.output
        assert done.packages == ("pekit_sample_one 1.0",)
        site = tmp_path / "plugins/.venv/lib" / f"python3.{sys.version_info[1]}" / "site-packages"
        assert sys.path[-1] == str(site)
        outcome = engine.request("p")
        assert outcome.response is not None
        assert outcome.response.body == b"pekit_sample_one 1.0"
        assert outcome.runs[0].notes == ()
        assert list(engine.plugins["filename"]) == ["p.py"]
    assert str(site) not in sys.path
    sys.modules.pop("pekit_sample_one")


@pytest.mark.slow
def test_an_environment_that_is_there_is_used_by_the_next_engine(tmp_path: Path) -> None:
    (tmp_path / "needs.txt").write_text(f"{wheel(tmp_path, 'pekit_sample_two')}\n")
    with Engine(start="2026-01-01", plugin_dir=tmp_path / "plugins") as engine:
        assert engine.install_packages(["-r", str(tmp_path / "needs.txt")]).ok
    with Engine(start="2026-01-01", plugin_dir=tmp_path / "plugins") as engine:
        engine.write_plugin("p.py", USES.format(name="pekit_sample_two"))
        engine.create_database("d")
        engine.create_trigger("t", db="d", path="p.py", spec="request:p")
        assert engine.request("p").ok
    sys.modules.pop("pekit_sample_two")


@pytest.mark.slow
def test_a_failed_install_is_shown_as_failed_where_the_server_answers_200(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Engine(start="2026-01-01", plugin_dir=tmp_path) as engine:
        done = engine.install_packages(["pekit-no-such-package"])
        assert not done.ok
        assert "No matching distribution found" in repr(done)
        with pytest.raises(PeKitError, match="Install command failed: ERROR"):
            run(["install", "package", "pekit-no-such-package"], Local(engine))


@pytest.mark.parametrize(
    ("given", "status", "text"),
    [
        ({"package_manager": "disabled"}, 403, "Package installation has been disabled."),
        ({"plugin_dir": None}, 500, "Plugin environment management is disabled"),
    ],
)
def test_where_installs_are_off_the_server_refuses_them(given: dict[str, Any], status: int, text: str) -> None:
    with Engine(start="2026-01-01", **given) as engine, pytest.raises(ServerError, match=text) as caught:
        engine.install_packages(["x"])
    assert caught.value.status == status


def test_an_unknown_package_manager_and_a_bare_name_are_refused() -> None:
    with pytest.raises(UsageError, match="discover, pip, uv, disabled"):
        Engine(package_manager="conda")
    with Engine(start="2026-01-01") as engine, pytest.raises(UsageError, match="Give a list"):
        engine.install_packages("pint")
