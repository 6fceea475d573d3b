"""What each word of ``influxdb3`` does: the requests that it sends and what it prints."""

from __future__ import annotations

import json
import os
from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pe_kit.cli.influxdb3.target import CONFIGURE, Remote, Target
from pe_kit.cli.influxdb3.words import DEFAULT_HOST, parser
from pe_kit.duration import parse_duration
from pe_kit.engine.trigger import parse_arguments, parse_spec
from pe_kit.errors import PeKitError, ServerError, TriggerSpecError, UsageError

__all__ = ["plugin_sources", "run"]

_TABLES = (
    "WITH cols (table_name, column_name) AS (SELECT table_name, column_name FROM information_schema.columns "
    "WHERE table_schema = 'system' ORDER BY (table_name, column_name)) "
    "SELECT table_name, array_agg(column_name) AS column_names FROM cols GROUP BY table_name ORDER BY table_name"
)
_ORDER = {
    "cpu": "usage_percent",
    "last_caches": "count",
    "parquet_files": "size_bytes",
    "queries": "end2end_duration",
    "distinct_caches": "max_cardinality",
}
_FILTER = {"queries": "query_text !~ '.*(select.queries.|information_schema)*'"}
_TRIGGER, _TOKEN = CONFIGURE + "processing_engine_trigger", CONFIGURE + "token"


def run(
    words: Sequence[str],
    target: Target | None = None,
    say: Callable[[str], None] = print,
    read: Callable[[], str] | None = None,
    confirm: Callable[[str], bool] | None = None,
) -> None:
    """Do what a line of words says.

    Args:
        words: what follows ``influxdb3``.
        target: where it goes unless ``--host`` is among the words; None: the server at ``--host``.
        say: prints.
        read: gives what is piped in; None: nothing is.
        confirm: asks the user; None: there is no one to ask.

    Raises:
        UsageError: wrong words. HelpRequested: ``--help``.
        ServerError: the server refuses; the text is what the real command prints. PeKitError: anything else.
    """
    if words and words[0] == "serve":
        raise UsageError("`influxdb3 serve` starts the real server", mend="The kit's is started by `pe-kit serve`.")
    got = parser().parse_args(list(words))
    if target is None or got.host:
        host = got.host or os.environ.get("INFLUXDB3_HOST_URL") or DEFAULT_HOST
        target = Remote(host, got.token, got.tls_ca, not got.tls_no_verify)
    work = _Work(got, target, say, read, confirm)
    try:
        getattr(work, got.word.replace(" ", "_").replace("-", "_"))()
    except ServerError as error:
        first = got.word.partition(" ")[0].capitalize()
        created = "Failed to create trigger: " if got.word == "create trigger" else f"{first} command failed: "
        raise ServerError(created + error.message, mend=error.mend, status=error.status, body=error.body) from None


def plugin_sources(path: Path) -> dict[str, str]:
    """Read a local plugin: path below its folder -> source; of a file its own name.

    Raises:
        PeKitError: it is not there, or a folder without ``__init__.py``.
    """
    if path.is_file():
        return {path.name: path.read_text(encoding="utf-8")}
    if not path.is_dir():
        raise PeKitError(f"Path does not exist: {path}", mend="The path is that of a file or folder on this machine.")
    found = {
        file.relative_to(path).as_posix(): file.read_text(encoding="utf-8")
        for file in sorted(path.rglob("*.py"))
        if "__pycache__" not in file.parts
    }
    if not found:
        raise PeKitError("No Python files found in directory")
    if "__init__.py" not in found:
        raise PeKitError(f"Multi-file plugin directory must contain __init__.py: {path}")
    return found


def _quoted(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)


class _Work:
    def __init__(
        self,
        got: Namespace,
        target: Target,
        say: Callable[[str], None],
        read: Callable[[], str] | None,
        confirm: Callable[[str], bool] | None,
    ) -> None:
        self.got, self.send, self.say, self.read, self.confirm = got, target.send, say, read, confirm

    # -- data -----------------------------------------------------------------------------------------------------

    def write(self) -> None:
        got = self.got
        text = self._one(got.lines, "single protocol line", "no line protocol string provided")
        query = {"db": got.database, "precision": got.precision, "accept_partial": True}
        self.send("POST", "/api/v3/write_lp", query=query | {"no_sync": got.no_sync or None}, body=text.encode())
        self.say("success")

    def query(self) -> None:
        got = self.got
        text = self._one(got.sql, "single query", "no query provided")
        if got.format == "parquet" and got.output is None:
            raise UsageError(
                "must specify an output file path with `--output` parameter when formatting the output as `parquet`"
            )
        path = f"/api/v3/query_{got.lang}"
        found = self.send("POST", path, json={"db": got.database, "q": text, "format": got.format})
        if got.output is not None:
            Path(got.output).write_bytes(found)
        else:
            self.say(found.decode())

    def _one(self, words: list[str], what: str, none: str) -> str:
        if len(words) > 1:
            raise UsageError(f"ensure that a {what} string is provided as the final argument, enclosed in quotes")
        if words:
            return words[0]
        if self.got.file is not None:
            return _read(self.got.file)
        if self.read is not None:
            return self.read()
        raise UsageError(none, mend="Give it as the last word, in quotes; or --file; or pipe it in.")

    def _frame(self, sql: str, db: str, form: str | None = None) -> str:
        form = form or self.got.format
        return self.send("POST", "/api/v3/query_sql", json={"db": db, "q": sql, "format": form}).decode()

    # -- databases, tables, caches ----------------------------------------------------------------------------------

    def create_database(self) -> None:
        given = {"db": self.got.name}
        if self.got.retention_period is not None:
            parse_duration(self.got.retention_period)
            given["retention_period"] = self.got.retention_period
        self.send("POST", CONFIGURE + "database", json=given)
        self.say(f"Database {_quoted(self.got.name)} created successfully")

    def update_database(self) -> None:
        period = self.got.retention_period
        given = {"db": self.got.database}
        if period.lower() != "none":
            parse_duration(period)
            given["retention_period"] = period
        self.send("PUT", CONFIGURE + "database", json=given)
        self.say(f"Database {_quoted(self.got.database)} updated successfully")

    def delete_database(self) -> None:
        self._sure(_quoted(self.got.name))
        self.send("DELETE", CONFIGURE + "database", query={"db": self.got.name, "hard_delete_at": self.got.hard_delete})
        self.say(f"Database {_quoted(self.got.name)} deleted successfully")

    def _sure(self, what: str) -> None:
        if not self.got.yes:
            self._ask(f"Are you sure you want to delete {what}? Enter 'yes' or 'y' to confirm")

    def _ask(self, text: str) -> None:
        if self.confirm is None or not self.confirm(text):
            raise PeKitError("Cannot proceed without confirmation", mend="Answer yes; --yes deletes without asking.")

    def create_table(self) -> None:
        got = self.got
        fields = []
        for text in got.fields:
            name, colon, kind = text.rpartition(":")
            if not colon or kind not in ("int64", "uint64", "float64", "utf8", "bool"):
                raise UsageError(
                    f"invalid value {text!r} for --fields", mend="Write name:type; int64, uint64, float64, utf8, bool."
                )
            fields.append({"name": name, "type": kind})
        given = {"db": got.database, "table": got.name, "tags": [t for tags in got.tags for t in tags]}
        self.send("POST", CONFIGURE + "table", json={**given, "fields": fields})
        self.say(f"Table {_quoted(got.database)}.{_quoted(got.name)} created successfully")

    def delete_table(self) -> None:
        got = self.got
        name = f"{_quoted(got.database)}.{_quoted(got.name)}"
        self._sure(name)
        given = {"db": got.database, "table": got.name, "hard_delete_at": got.hard_delete}
        self.send("DELETE", CONFIGURE + "table", query=given)
        self.say(f"Table {name} deleted successfully")

    def create_last_cache(self) -> None:
        got = self.got
        given = {"key_columns": got.key_columns, "value_columns": got.value_columns, "count": got.count}
        self._create_cache("last_cache", {**given, "ttl": _seconds(got.ttl)})

    def create_distinct_cache(self) -> None:
        got = self.got
        given = {"columns": got.columns, "max_cardinality": got.max_cardinality, "max_age": _seconds(got.max_age)}
        self._create_cache("distinct_cache", given)

    def _create_cache(self, kind: str, given: dict[str, Any]) -> None:
        given = {"db": self.got.database, "table": self.got.table, "name": self.got.name, **given}
        made = self.send("POST", CONFIGURE + kind, json={k: v for k, v in given.items() if v is not None})
        self.say(f"new cache created: {_indented(made)}")

    def delete_last_cache(self) -> None:
        self._delete_cache("last_cache")

    def delete_distinct_cache(self) -> None:
        self._delete_cache("distinct_cache")

    def _delete_cache(self, kind: str) -> None:
        got = self.got
        self.send("DELETE", CONFIGURE + kind, query={"db": got.database, "table": got.table, "name": got.name})
        self.say(f"{kind.replace('_', ' ')} deleted successfully")

    # -- triggers and plugins ---------------------------------------------------------------------------------------

    def create_trigger(self) -> None:
        got = self.got
        if got.path is not None and got.plugin_filename is not None:
            raise UsageError("the argument '--path <PATH>' cannot be used with '--plugin-filename <PATH>'")
        path = got.path or got.plugin_filename
        if path is None:
            raise UsageError("Either --path or --plugin-filename must be provided")
        try:
            spec = parse_spec(got.trigger_spec).text
        except TriggerSpecError as error:
            what = f"invalid value '{got.trigger_spec}' for '--trigger-spec <TRIGGER_SPECIFICATION>'"
            raise UsageError(f"{what}: {error.message}", mend=error.mend) from None
        arguments = None if got.trigger_arguments is None else parse_arguments(got.trigger_arguments)
        if got.upload:
            path = self._upload(Path(path))
        settings = {"run_async": got.run_asynchronous, "error_behavior": got.error_behavior}
        given = {"db": got.database, "plugin_filename": path, "trigger_name": got.name, "trigger_settings": settings}
        self.send("POST", _TRIGGER, json={**given, "trigger_specification": spec, "trigger_arguments": arguments,
                                          "disabled": got.disabled})  # fmt: skip
        self.say(f"Trigger {got.name} created successfully")

    def _upload(self, path: Path) -> str:
        if not path.exists():
            raise PeKitError(f"File not found: {path}", mend="With --upload the path is one on this machine.")
        for name, source in plugin_sources(path).items():
            full = name if path.is_file() else f"{path.name}/{name}"
            self.send("POST", "/api/v3/plugins/files", json={"plugin_name": full, "content": source})
        return path.name

    def update_trigger(self) -> None:
        got, path = self.got, Path(self.got.path)
        sources = plugin_sources(path)
        if path.is_file():
            given: dict[str, Any] = {"plugin_name": got.trigger_name, "content": sources[path.name]}
            self.send("PUT", "/api/v3/plugins/files", query={"db": got.database}, json=given)
            self.say(f"Trigger '{got.trigger_name}' updated successfully")
            return
        files = [{"relative_path": name, "content": source} for name, source in sources.items()]
        given = {"plugin_name": got.trigger_name, "files": files}
        self.send("PUT", "/api/v3/plugins/directory", query={"db": got.database}, json=given)
        self.say(f"Trigger '{got.trigger_name}' updated successfully (atomic directory replacement)")

    def delete_trigger(self) -> None:
        given = {"db": self.got.database, "trigger_name": self.got.name, "force": self.got.force}
        self.send("DELETE", _TRIGGER, query=given)
        self.say(f"Trigger {self.got.name} deleted successfully")

    def enable_trigger(self) -> None:
        self._switch("enable")

    def disable_trigger(self) -> None:
        self._switch("disable")

    def _switch(self, verb: str) -> None:
        self.send("POST", f"{_TRIGGER}/{verb}", query={"db": self.got.database, "trigger_name": self.got.name})
        self.say(f"Trigger {self.got.name} {verb}d successfully")

    def test_wal_plugin(self) -> None:
        got = self.got
        if got.lp is None and got.file is None:
            raise UsageError("either --lp or --file must be provided")
        lines = got.lp if got.lp is not None else _read(got.file, "unable to read input file")
        self._test("wal", {"input_lp": lines})

    def test_schedule_plugin(self) -> None:
        self._test("schedule", {"schedule": self.got.schedule})

    def _test(self, kind: str, given: dict[str, Any]) -> None:
        got = self.got
        arguments = None if got.input_arguments is None else parse_arguments(got.input_arguments)
        given = {"filename": got.filename, "database": got.database, **given, "cache_name": got.cache_name}
        self.say(
            _indented(self.send("POST", f"/api/v3/plugin_test/{kind}", json={**given, "input_arguments": arguments}))
        )

    def install_package(self) -> None:
        path = CONFIGURE + "plugin_environment/install_"
        if self.got.requirements is not None:
            self.send("POST", path + "requirements", json={"requirements_location": self.got.requirements})
        if self.got.packages:
            self.send("POST", path + "packages", json={"packages": self.got.packages})
        elif self.got.requirements is None:
            raise UsageError("no package is named", mend="influxdb3 install package NAME, or -r requirements.txt")

    # -- tokens -----------------------------------------------------------------------------------------------------

    def create_token(self) -> None:
        got = self.got
        if got.name is not None:
            given = {"token_name": got.name, "expiry_secs": None if got.expiry is None else _seconds(got.expiry)}
            made = json.loads(self.send("POST", f"{_TOKEN}/named_admin", json=given))
        elif got.regenerate:
            self._ask("Are you sure you want to regenerate admin token? Enter 'yes' to confirm")
            made = json.loads(self.send("POST", f"{_TOKEN}/admin/regenerate"))
        else:
            made = json.loads(self.send("POST", f"{_TOKEN}/admin"))
        header, once = (
            f"Authorization: Bearer {made['token']}",
            "Store this token securely, as it will not be shown again.",
        )
        if got.format == "json":
            about = f'{once} HTTP requests require the following header: "{header}"'
            self.say(json.dumps({"token": made["token"], "help_msg": about}, indent=2))
            return
        title = "New token created successfully!"
        self.say(f"\n{title}\n\nToken: {made['token']}\nHTTP Requests Header: {header}\n\nIMPORTANT: {once}\n")

    def delete_token(self) -> None:
        name = _quoted(self.got.token_name)
        self._sure(name)
        self.send("DELETE", _TOKEN, query={"token_name": self.got.token_name})
        self.say(f"Token {name} deleted successfully")

    # -- looking ----------------------------------------------------------------------------------------------------

    def show_databases(self) -> None:
        given = {"format": self.got.format, "show_deleted": self.got.show_deleted}
        self.say(self.send("GET", CONFIGURE + "database", query=given).decode())

    def show_plugins(self) -> None:
        self.say(self._frame("SELECT * FROM system.plugin_files", "_internal"))

    def show_tokens(self) -> None:
        self.say(self._frame("SELECT * FROM system.tokens", "_internal"))

    def show_retention(self) -> None:
        """The period in the largest unit that divides it."""
        ns, name = "CAST(retention_period_ns AS BIGINT)", self.got.database  # else division makes decimals
        units = {"d": 86_400_000_000_000, "h": 3_600_000_000_000, "m": 60_000_000_000}
        cases = " ".join(f"WHEN {ns} % {size} = 0 THEN concat({ns} / {size}, '{unit}')" for unit, size in units.items())
        period = f"CASE WHEN {ns} IS NULL THEN 'infinite' {cases} ELSE concat({ns} / 1000000000, 's') END"
        only = "" if name is None else "WHERE database_name = '{}'".format(name.replace("'", "''"))
        sql = f"SELECT database_name, {period} AS retention_period FROM system.databases {only} ORDER BY database_name"
        self.say(self._frame(sql, "_internal"))

    def show_system_table_list(self) -> None:
        self.say(self._frame(_TABLES, self._db()))

    def show_system_table(self) -> None:
        got = self.got
        try:
            self.say(self._frame(_system_sql(got.table, got.select or "*", got.order_by, got.limit), self._db()))
        except ServerError as error:
            if "not found" not in error.message or "database not found" in error.message:
                raise
            names = json.dumps(self._tables())
            raise PeKitError(
                f"system table '{got.table}' not found: please use a valid system table name: {names}"
            ) from None

    def show_system_summary(self) -> None:
        for table in self._tables():
            self.say(f"{table} summary:")
            self.say(self._frame(_system_sql(table, "*", None, self.got.limit), self._db()))

    def _tables(self) -> list[str]:
        return [row["table_name"] for row in json.loads(self._frame(_TABLES, self._db(), "json"))]

    def _db(self) -> str:
        if self.got.format == "parquet":
            raise UsageError("parquet format is not supported for this command")
        if self.got.database is None:
            raise UsageError("the database is not named", mend="influxdb3 show system --database DB ...")
        return str(self.got.database)


def _system_sql(table: str, select: str, order: str | None, limit: int) -> str:
    parts = [f'SELECT {select} FROM system."{table}"']
    if table in _FILTER:
        parts.append(f"WHERE {_FILTER[table]}")
    if order := order or _ORDER.get(table):
        parts.append(f"ORDER BY {order}")
    if limit > 0:
        parts.append(f"LIMIT {limit}")
    return "\n".join(parts)


def _seconds(text: str) -> int:
    return parse_duration(text) // 1_000_000_000


def _indented(body: bytes) -> str:
    return json.dumps(json.loads(body), indent=2, ensure_ascii=False)


def _read(path: str, failed: str = "error reading file") -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise PeKitError(f"{failed}: {error.strerror} (os error {error.errno}): {path}") from None
