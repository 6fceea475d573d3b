"""``gh:`` paths (influxdb3_processing_engine/src/lib.rs, ``read_plugin_code``)."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from pe_kit import Engine
from pe_kit.errors import FixtureError, PluginError, UsageError
from pe_kit.plugins.repository import Repository

PLUGIN = """\
def process_request(influxdb3_local, query_parameters, request_headers, request_body, args=None):
    return "{word}"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "repo/team").mkdir(parents=True)
    (tmp_path / "repo/team/hello.py").write_text(PLUGIN.format(word="one"))
    return tmp_path / "repo"


@pytest.fixture
def url(folder: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def _git(folder: Path, *words: str) -> str:
    given = ["-c", "user.name=t", "-c", "user.email=t@example.org", *words]
    return subprocess.run(["git", "-C", str(folder), *given], check=True, capture_output=True, text=True).stdout.strip()


def _engine(repo: str | Path, path: str = "gh:team/hello.py") -> Engine:
    engine = Engine(start="2026-01-01", plugin_repo=repo)
    engine.create_database("d")
    engine.create_trigger("t", db="d", path=path, spec="request:hello")
    return engine


def _answer(engine: Engine) -> str:
    response = engine.request("hello").response
    assert response is not None
    return response.body.decode()


def test_a_plugin_is_fetched_when_its_trigger_starts_and_never_while_it_runs(folder: Path) -> None:
    with _engine(folder) as engine:
        assert _answer(engine) == "one"
        (folder / "team/hello.py").write_text(PLUGIN.format(word="two"))
        assert _answer(engine) == "one"
        assert list(engine.plugins["filename"]) == ["gh:team/hello.py"]
        assert _answer(engine) == "one"
        engine.disable_trigger("t", "d")
        engine.enable_trigger("t", "d")
        assert _answer(engine) == "two"
        (folder / "team/hello.py").write_text(PLUGIN.format(word="three"))
        engine.restart()
        assert _answer(engine) == "three"
        (folder / "team/hello.py").unlink()
        engine.restart()
        assert engine.triggers["state"][0].startswith("its task did not start: error ")


def test_a_web_server_is_a_repository_and_its_refusal_is_passed_on(url: str) -> None:
    with _engine(url) as engine:
        assert _answer(engine) == "one"
        with pytest.raises(PluginError) as caught:
            engine.create_trigger("u", db="d", path="gh:team/none.py", spec="request:x")
    text = f"Plugin error: error fetching plugin from repository: 404 Not Found {url}/team/none.py"
    assert caught.value.message == text
    assert caught.value.status == 500


def test_a_git_repository_is_read_at_a_revision(folder: Path) -> None:
    _git(folder, "init", "-q")
    _git(folder, "add", ".")
    _git(folder, "commit", "-q", "-m", "one")
    first = _git(folder, "rev-parse", "HEAD")
    (folder / "team/hello.py").write_text(PLUGIN.format(word="two"))
    _git(folder, "commit", "-q", "-a", "-m", "two")
    (folder / "team/hello.py").write_text(PLUGIN.format(word="not committed"))
    for revision, word in ((f"@{first}", "one"), ("@HEAD", "two"), ("", "two")):
        with _engine(f"git+file://{folder}{revision}") as engine:
            assert _answer(engine) == word
    with pytest.raises(PluginError, match="404 Not Found git"):
        _engine(f"git+file://{folder}@{first}", "gh:none.py")
    with pytest.raises(PluginError, match="error getting plugin from repository") as caught:
        _engine(f"git+file://{folder}@nowhere")
    assert f"{folder}@nowhere/team/hello.py: " in caught.value.mend


def test_a_copy_is_used_offline_but_only_when_the_repository_cannot_be_reached(tmp_path: Path, url: str) -> None:
    assert Repository(url, tmp_path / "kept").fetch("team/hello.py").note == ""
    with pytest.raises(PluginError, match="404"):
        Repository(url, tmp_path / "kept").fetch("team/other.py")
    with pytest.raises(PluginError, match="error getting plugin from repository"):
        Repository("http://127.0.0.1:9", tmp_path / "kept").fetch("team/hello.py")


def test_what_runs_from_a_copy_says_so(tmp_path: Path, folder: Path) -> None:
    given: dict[str, Any] = {"start": "2026-01-01", "plugin_dir": tmp_path / "plugins"}
    _git(folder, "init", "-q")
    _git(folder, "add", ".")
    _git(folder, "commit", "-q", "-m", "one")
    for offline in (False, True):
        with Engine(plugin_repo=f"git+file://{folder}", **given) as engine:
            engine.create_database("d")
            engine.create_trigger("t", db="d", path="gh:team/hello.py", spec="request:hello")
            (run,) = engine.request("hello").runs
            assert run.ok
            assert any("is a copy: error getting plugin" in note for note in run.notes) == offline
        folder.rename(folder.with_name("away")) if not offline else None


def test_the_past_is_rebuilt_with_the_code_that_was_fetched(folder: Path) -> None:
    with _engine(folder) as engine:
        _answer(engine)
        (folder / "team/hello.py").unlink()
        twin = engine.at(len(engine.history)).fork()
        assert _answer(twin) == "one"
        twin.close()


def test_names_that_lead_out_and_other_urls_are_refused(folder: Path) -> None:
    with pytest.raises(PluginError, match="404 Not Found"):
        _engine(folder / "team", "gh:../team/hello.py")
    with pytest.raises(UsageError, match="git\\+file"):
        Engine(plugin_repo="ftp://example.org/x")


def test_a_session_with_a_plugin_of_a_repository_says_why_it_cannot_be_frozen(folder: Path, tmp_path: Path) -> None:
    with _engine(folder) as engine:
        _answer(engine)
        with pytest.raises(FixtureError, match="is a plugin of a repository, so it cannot be frozen"):
            engine.freeze("one", to=tmp_path)
