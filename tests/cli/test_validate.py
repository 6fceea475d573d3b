"""``pe-kit validate``: what it prints, and its exit status."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from pe_kit.cli.main import app

GOOD = "def process_scheduled_call(influxdb3_local, call_time, args=None):\n    influxdb3_local.info('on time')\n"
BAD = GOOD.replace("info", "debug")
MANIFEST = """\
manifest_schema_version = "1.2"
[plugin]
name = "clock"
version = "1.0.0"
description = "Says what time it is"
triggers = ["process_scheduled_call"]
[dependencies]
database_version = ">=3.0.0"
"""


def _run(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["validate", *words])
    return done.exit_code, done.output


def test_a_good_plugin_has_no_findings_and_a_bad_one_exits_1(tmp_path: Path) -> None:
    (tmp_path / "good.py").write_text(GOOD)
    (tmp_path / "bad.py").write_text(BAD)
    assert _run(str(tmp_path / "good.py")) == (0, "good.py: no findings\n")
    code, text = _run(str(tmp_path / "bad.py"))
    assert code == 1
    assert text.splitlines()[0] == "bad.py:2: error: there is no influxdb3_local.debug [no-such-method]"
    assert text.splitlines()[-1] == "bad.py: 1 errors, 0 warnings"


def test_json_has_every_finding_with_why_and_mend(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text(BAD)
    code, text = _run("--json", str(tmp_path / "bad.py"))
    (row,) = json.loads(text)
    assert code == 1
    assert (row["rule"], row["line"], row["mend"]) == ("no-such-method", 2, "Use info, warn or error.")


def test_cron_of_five_fields_and_numbered_weekdays_are_explained(tmp_path: Path) -> None:
    (tmp_path / "good.py").write_text(GOOD)
    code, text = _run(str(tmp_path / "good.py"), "--trigger-spec", "cron:0 6 * * 1-5")
    assert code == 1
    assert "did you mean `0 0 6 * * MON-FRI`" in text
    code, text = _run(str(tmp_path / "good.py"), "--trigger-spec", "cron:0 0 6 * * 1-5")
    assert code == 0
    assert "`1-5` means SUN-THU" in text


def test_the_trigger_decides_which_function_must_be_there(tmp_path: Path) -> None:
    (tmp_path / "good.py").write_text(GOOD)
    code, text = _run(str(tmp_path / "good.py"), "--trigger-spec", "table:cpu")
    assert code == 1
    assert "`table:cpu` calls process_writes, which is not there" in text


def test_a_folder_is_checked_with_its_manifest(tmp_path: Path) -> None:
    (tmp_path / "__init__.py").write_text(GOOD)
    code, text = _run(str(tmp_path))
    assert code == 0
    assert 'warning: required file "manifest.toml" is missing' in text
    (tmp_path / "manifest.toml").write_text(MANIFEST)
    assert _run(str(tmp_path)) == (0, f"{tmp_path.name}: no findings\n")
    (tmp_path / "manifest.toml").write_text(MANIFEST.replace("1.0.0", "1.0"))
    assert _run(str(tmp_path))[0] == 1


TESTS = """\
from unittest.mock import MagicMock


def process_writes(influxdb3_local, batches):
    influxdb3_local.reset_mock()


def test_it():
    process_writes(MagicMock(), [])
"""


def test_what_a_manifest_leaves_out_is_not_looked_at(tmp_path: Path) -> None:
    (tmp_path / "clock.py").write_text(GOOD)
    (tmp_path / "test_clock.py").write_text(TESTS)
    (tmp_path / "helper.py").write_text(TESTS)
    exclude = 'exclude = ["*.py", "!clock.py"]\n[dependencies]'
    (tmp_path / "manifest.toml").write_text(MANIFEST.replace("[dependencies]", exclude))
    assert _run(str(tmp_path)) == (0, f"{tmp_path.name}: no findings\n")
    code, text = _run(str(tmp_path), "--trigger-spec", "table:cpu")
    assert code == 1
    assert "calls process_writes, which is not there" in text
