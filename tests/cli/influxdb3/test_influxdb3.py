"""The words of ``influxdb3`` (influxdb3/src/commands): what they send and print, to an engine and to a server."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pe_kit import Engine
from pe_kit.cli.influxdb3 import Local, Remote, Target, run
from pe_kit.cli.main import app
from pe_kit.errors import PeKitError, ServerError, UsageError
from pe_kit.notebook.options import HelpRequested

WAL = """\
def process_writes(influxdb3_local, table_batches, args=None):
    influxdb3_local.info("args", args)
    if table_batches:
        influxdb3_local.write(LineBuilder("out").int64_field("n", len(table_batches)))
"""


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine(start="2026-01-01") as made:
        yield made


@pytest.fixture(params=["engine", "server"])
def target(request: pytest.FixtureRequest, engine: Engine) -> Iterator[Target]:
    """The same engine, in process and behind its HTTP face."""
    if request.param == "engine":
        yield Local(engine)
    else:
        served = engine.serve(port=0)
        yield Remote(served.url)
        served.stop()


@pytest.fixture
def said(target: Target, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    for name in ("HOST_URL", "DATABASE_NAME", "AUTH_TOKEN"):
        monkeypatch.delenv(f"INFLUXDB3_{name}", raising=False)

    def say(*words: str, **given: Any) -> str:
        lines: list[str] = []
        run(words, target, lines.append, **given)
        return "\n".join(lines)

    return say


def test_a_lesson_in_the_servers_own_words(said: Callable[..., str], engine: Engine, tmp_path: Path) -> None:
    assert said("create", "database", "d", "--retention-period", "30d") == 'Database "d" created successfully'
    made = said("create", "table", "-d", "d", "--tags", "host,room", "--fields", "v:float64,n:int64", "cpu")
    assert made == 'Table "d"."cpu" created successfully'
    (tmp_path / "count.py").write_text(WAL)
    created = ["create", "trigger", "--trigger-spec", "table:cpu", "--path", str(tmp_path / "count.py"), "--upload"]
    made = said(*created, "--trigger-arguments", "a=1,b=x=y", "--database", "d", "counter")
    assert made == "Trigger counter created successfully"
    assert engine.triggers.iloc[0]["arguments"] == {"a": "1", "b": "x=y"}
    assert said("write", "-d", "d", "cpu,host=a v=1.5 1767225600000000000") == "success"
    assert said("query", "-d", "d", "SELECT n FROM out") == "+---+\n| n |\n+---+\n| 1 |\n+---+"
    assert said("query", "-d", "d", "--format", "json", "SELECT host, v FROM cpu") == '[{"host":"a","v":1.5}]'
    assert said("query", "-d", "d", "--format", "csv", "SELECT host, v FROM cpu") == "host,v\na,1.5\n"
    tested = json.loads(said("test", "wal_plugin", "--lp", "cpu v=1", "-d", "d", "count.py"))
    assert tested["database_writes"] == {"d": ["out n=1i"]}
    assert said("disable", "trigger", "-d", "d", "counter") == "Trigger counter disabled successfully"
    assert said("enable", "trigger", "-d", "d", "counter") == "Trigger counter enabled successfully"
    (tmp_path / "count.py").write_text(WAL.replace("out", "other"))
    updated = said("update", "trigger", "-d", "d", "-t", "counter", "-p", str(tmp_path / "count.py"))
    assert updated == "Trigger 'counter' updated successfully"
    assert said("delete", "trigger", "-d", "d", "--force", "counter") == "Trigger counter deleted successfully"
    assert said("delete", "table", "-d", "d", "cpu", "--yes") == 'Table "d"."cpu" deleted successfully'


def test_caches_are_created_with_durations_in_words(said: Callable[..., str], engine: Engine) -> None:
    engine.write("cpu,host=a v=1", "d")
    made = said("create", "last_cache", "-d", "d", "-t", "cpu", "--ttl", "1h 30m", "--key-columns", "host", "latest")
    assert made.startswith("new cache created: {\n")
    rows = engine.query_arrow("SELECT * FROM system.last_caches", "d").to_pylist()
    assert [(row["name"], row["ttl"]) for row in rows] == [("latest", 5400)]
    said("create", "distinct_cache", "-d", "d", "-t", "cpu", "--columns", "host", "hosts")
    assert said("delete", "last_cache", "-d", "d", "-t", "cpu", "latest") == "last cache deleted successfully"
    assert said("delete", "distinct_cache", "-d", "d", "-t", "cpu", "hosts") == "distinct cache deleted successfully"


def test_system_tables_are_listed_and_shown(said: Callable[..., str], engine: Engine) -> None:
    engine.write("cpu,host=a v=1", "d")
    assert "last_caches" in said("show", "system", "-d", "d", "table-list")
    shown = said("show", "system", "--database", "d", "table", "--format", "json", "--limit", "1", "distinct_caches")
    assert shown == "[]"
    assert "queries summary:" in said("show", "system", "-d", "d", "summary")
    with pytest.raises(PeKitError, match="system table 'quries' not found: please use a valid system table name: "):
        said("show", "system", "-d", "d", "table", "quries")
    assert "| d " in said("show", "databases")
    assert said("show", "plugins") == "++\n++"


def test_retention_is_shown_in_its_largest_unit(said: Callable[..., str]) -> None:
    for name, period in (("a", "14d"), ("b", "36h"), ("c", "90s")):
        said("create", "database", name, "--retention-period", period)
    shown = said("show", "retention", "--format", "csv").split()
    assert shown == ["database_name,retention_period", "_internal,7d", "a,14d", "b,36h", "c,90s"]
    assert said("show", "retention", "--database", "c", "--format", "json") == (
        '[{"database_name":"c","retention_period":"90s"}]'
    )


@pytest.mark.slow
def test_tokens_are_created_shown_and_deleted(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INFLUXDB3_AUTH_TOKEN", "first")
    monkeypatch.setenv("INFLUXDB3_HOST_URL", engine.serve(port=0, token="first").url)
    lines: list[str] = []

    def said(*words: str, **given: Any) -> str:
        run(words, None, lines.append, **given)
        return lines[-1]

    made = said("create", "token", "--admin", "--name", "ci", "--expiry", "90d", "--format", "json")
    assert json.loads(made)["token"].startswith("apiv3_")
    shown = json.loads(said("show", "tokens", "--format", "json"))
    assert [(row["name"], row.get("expiry")) for row in shown] == [("_admin", None), ("ci", "2026-04-01T00:00:00")]
    with pytest.raises(ServerError, match="token name already exists, _admin"):
        said("create", "token", "--admin")
    assert said("delete", "token", "--token-name", "ci", "--yes") == 'Token "ci" deleted successfully'
    with pytest.raises(PeKitError, match="Cannot proceed without confirmation"):
        said("create", "token", "--admin", "--regenerate")
    again = said("create", "token", "--admin", "--regenerate", confirm=lambda _: True)
    assert re.search("^Token: (apiv3_.*)\nHTTP Requests Header: Authorization: Bearer \\1$", again, re.MULTILINE)


def test_a_refusal_is_worded_as_the_servers_own_client_words_it(said: Callable[..., str]) -> None:
    said("create", "database", "d")
    with pytest.raises(ServerError) as caught:
        said("create", "database", "d")
    text = "Create command failed: server responded with error [409 Conflict]: "
    assert caught.value.message == text + "attempted to create a resource that already exists"
    with pytest.raises(ServerError, match=r"^Failed to create trigger: server responded with error \[500 Internal"):
        said("create", "trigger", "--trigger-spec", "all_tables", "--path", "none.py", "-d", "d", "t")


def test_deleting_asks_unless_told_not_to(said: Callable[..., str], engine: Engine) -> None:
    engine.create_database("d")
    with pytest.raises(PeKitError, match="Cannot proceed without confirmation"):
        said("delete", "database", "d")
    asked: list[str] = []
    said("delete", "database", "d", confirm=lambda text: not asked.append(text))
    assert asked == ["Are you sure you want to delete \"d\"? Enter 'yes' or 'y' to confirm"]
    assert "d" not in list(engine.databases["database"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["create", "databse", "d"], "Did you mean 'database'"),
        (["create", "database", "d", "--retention", "1d"], "Did you mean '--retention-period'"),
        (["query", "-d", "d", "SELECT", "1"], "enclosed in quotes"),
        (["query", "-d", "d", "--format", "parquet", "SELECT 1"], "must specify an output file path"),
        (["create", "trigger", "-d", "d", "--trigger-spec", "all_tables", "t"], "Either --path or --plugin-filename"),
        (["test", "wal_plugin", "-d", "d", "p.py"], "either --lp or --file must be provided"),
        (["write", "-d", "d"], "no line protocol string provided"),
        (["serve", "--node-id", "n"], "started by `pe-kit serve`"),
        (["create", "trigger", "-d", "d", "--trigger-spec", "hourly", "--path", "p.py", "t"],
         "invalid value 'hourly' for '--trigger-spec <TRIGGER_SPECIFICATION>': failed to parse trigger from hourly"),
        (["create", "trigger", "-d", "d", "--trigger-spec", "all_tables", "--path", "p", "--trigger-arguments",
          "a=1,2", "t"], 'must be formatted as "key=value"'),
    ],
)  # fmt: skip
def test_wrong_words_say_what_was_meant(engine: Engine, words: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        run(words, Local(engine))


def test_what_is_piped_in_is_written_and_files_are_read(
    said: Callable[..., str], engine: Engine, tmp_path: Path
) -> None:
    said("write", "-d", "d", read=lambda: "m v=1 1\nm v=2 2\n")
    (tmp_path / "q.sql").write_text("SELECT count(*) AS n FROM m")
    assert said("query", "-d", "d", "--format", "jsonl", "-f", str(tmp_path / "q.sql")) == '{"n":2}\n'
    said("query", "-d", "d", "--format", "parquet", "-o", str(tmp_path / "m.parquet"), "SELECT * FROM m")
    assert (tmp_path / "m.parquet").read_bytes()[:4] == b"PAR1"


def test_help_is_a_text_of_the_words() -> None:
    with pytest.raises(HelpRequested) as shown:
        run(["create", "trigger", "--help"])
    assert "--trigger-spec" in str(shown.value)


@pytest.mark.slow
def test_tokens_and_errors_travel_as_the_api_has_them() -> None:
    seen: list[tuple[str, str | None]] = []

    class Face(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            seen.append((self.path, self.headers["Authorization"]))
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(401)
            self.end_headers()
            self.wfile.write(b'{"error": "the request was not authenticated"}')

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Face)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with pytest.raises(ServerError) as caught:
            run(["write", "-d", "d", "--token", "T", "-H", f"http://127.0.0.1:{server.server_port}", "m v=1"])
    finally:
        server.shutdown()
        server.server_close()
    assert caught.value.message == (
        'Write command failed: server responded with error [401 Unauthorized]: {"error": "the request was not authenticated"}'
    )
    assert seen == [("/api/v3/write_lp?db=d&accept_partial=true", "Bearer T")]


def test_a_server_that_is_not_there_is_named() -> None:
    with pytest.raises(PeKitError, match="Does a server listen at"):
        run(["show", "databases", "--host", "http://127.0.0.1:9"])


def test_the_terminal_speaks_to_a_data_folder_and_exits_1_or_2(tmp_path: Path) -> None:
    def typed(*words: str) -> Any:
        return CliRunner().invoke(app, ["influxdb3", "--data-dir", str(tmp_path / "session"), *words])

    assert typed("create", "database", "d").output == 'Database "d" created successfully\n'
    assert typed("write", "-d", "d", "m v=1").output == "success\n"
    assert typed("query", "-d", "d", "SELECT v FROM m").output == "+-----+\n| v   |\n+-----+\n| 1.0 |\n+-----+\n"
    assert isinstance(typed("create", "database", "d").exception, ServerError)
    assert isinstance(typed("create", "databas", "d").exception, UsageError)
    assert "create" in typed("--help").output
