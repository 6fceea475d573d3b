"""Triggers and plugin files on their way to a server and back: what is there, what differs, and the steps between."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pe_kit.cli.influxdb3.commands import plugin_sources
from pe_kit.cli.influxdb3.target import CONFIGURE, Local, Target
from pe_kit.cli.validate import problems
from pe_kit.engine.trigger import TriggerSpec, parse_spec
from pe_kit.errors import NotFoundError, PeKitError, ServerError, UsageError, near_match
from pe_kit.lineprotocol.builder import LineBuilder
from pe_kit.plugins.repository import PREFIX

if TYPE_CHECKING:
    from pe_kit.engine.engine import Engine

__all__ = ["Definition", "Step", "apply", "pull", "steps"]

_TRIGGER = CONFIGURE + "processing_engine_trigger"
_FIELDS = {
    "Boolean": "bool_field", "Int64": "int64_field", "UInt64": "uint64_field", "Float64": "float64_field",
    "Utf8": "string_field",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Definition:
    """A trigger. ``run_async`` is False where it is not known: no system table tells it."""

    name: str
    path: str
    spec: TriggerSpec
    arguments: dict[str, str]
    error_behavior: str
    disabled: bool
    run_async: bool = False

    def as_json(self, db: str) -> dict[str, Any]:
        """The body that creates it."""
        return {
            "db": db,
            "trigger_name": self.name,
            "plugin_filename": self.path,
            "trigger_specification": self.spec.text,
            "trigger_settings": {"run_async": self.run_async, "error_behavior": self.error_behavior},
            "trigger_arguments": self.arguments or None,
            "disabled": self.disabled,
        }


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do: its text, what does it, and what takes it back (None: nothing can)."""

    text: str
    do: Callable[[], Any]
    undo: Callable[[], Any] | None = None


# -- what there is ------------------------------------------------------------------------------------------------


def triggers_of(engine: Engine, db: str, names: Iterable[str]) -> list[Definition]:
    """The triggers of an engine's database by name, all of them when none is named.

    Raises:
        NotFoundError: there is no trigger of a name.
    """
    there = {t.name: t for t in engine._runtime.triggers if t.database == db}
    wanted = list(names) or list(there)
    for name in wanted:
        if name not in there:
            raise NotFoundError(f"{db!r} has no trigger {name!r}", mend=near_match(name, there, what="triggers"))
    return [
        Definition(t.name, t.path, t.spec, t.arguments or {}, t.error_behavior, t.disabled, t.run_async)
        for t in (there[name] for name in wanted)
    ]


def _rows(target: Target, db: str, sql: str) -> list[dict[str, Any]]:
    body = target.send("POST", "/api/v3/query_sql", json={"db": db, "q": sql, "format": "json"})
    return json.loads(body)  # type: ignore[no-any-return]


def triggers_at(target: Target, db: str) -> dict[str, Definition] | None:
    """The triggers of a database of a server by name; None when it has no such database."""
    try:
        rows = _rows(target, db, "SELECT * FROM system.processing_engine_triggers")
    except ServerError as error:
        if error.status == 404:
            return None
        raise
    arguments: dict[str, dict[str, str]] = {}
    for row in _rows(target, db, "SELECT * FROM system.processing_engine_trigger_arguments"):
        arguments.setdefault(row["trigger_name"], {})[row["argument_key"]] = row["argument_value"]
    return {
        row["trigger_name"]: Definition(
            row["trigger_name"],
            row["plugin_filename"],
            _spec(row["trigger_specification"]),
            arguments.get(row["trigger_name"], {}),
            row["error_behavior"],
            row["disabled"],
        )
        for row in rows
    }


def _spec(text: str) -> TriggerSpec:
    """Read the JSON in which the catalog keeps a specification."""
    found = json.loads(text)
    if found == "all_tables_wal_write":
        return parse_spec("all_tables")
    ((kind, inside),) = found.items()
    if kind == "every":
        duration = inside["duration"]
        return TriggerSpec("every", "", duration["secs"] * 1_000_000_000 + duration["nanos"])
    word = {"single_table_wal_write": "table", "schedule": "cron", "request_path": "request"}[kind]
    return parse_spec(f"{word}:{next(iter(inside.values()))}")


def files_at(target: Target) -> dict[str, str | None]:
    """The plugin files of a server's triggers, by their path below its plugin folder.

    The text is None where the server's disk cannot be read from here.
    """
    paths: dict[str, set[str]] = {}
    for row in json.loads(target.send("GET", CONFIGURE + "database", query={"format": "json"})):
        for trigger in (triggers_at(target, row["iox::database"]) or {}).values():
            paths.setdefault(trigger.name, set()).add(trigger.path.rstrip("/"))
    found: dict[str, str | None] = {}
    for row in _rows(target, "_internal", "SELECT * FROM system.plugin_files"):
        file, place = row["file_name"], row["file_path"]  # the files of a folder are named from that folder on
        names = [file if path == file else f"{path}/{file}" for path in paths.get(row["plugin_name"], ())]
        for name in (name for name in names if place.endswith(f"/{name}")):
            found[name] = None
            with suppress(OSError, UnicodeDecodeError):
                data = Path(place).read_bytes()
                if len(data) == row["size_bytes"]:
                    found[name] = data.decode()
    return found


def _local_files(engine: Engine, path: str) -> dict[str, str]:
    assert engine.plugin_dir is not None
    full = engine.plugin_dir / path
    sources = plugin_sources(full)
    return {path: next(iter(sources.values()))} if full.is_file() else {f"{path}/{k}": v for k, v in sources.items()}


# -- to a server --------------------------------------------------------------------------------------------------


def steps(
    engine: Engine, db: str, names: Iterable[str], target: Target, *, again: bool = False, dry_run: bool = True
) -> list[Step]:
    """Say what has to be done so that a server has these triggers; nothing when it has them.

    Args:
        engine: the session that they come from. db: their database, there and here.
        names: of the triggers; none: all of the database.
        target: the server. again: replace triggers that look the same. dry_run: let the server try each plugin first.

    Raises:
        PeKitError: a plugin has errors, or the server cannot be asked.
    """
    wanted = triggers_of(engine, db, names)
    _check(engine, wanted)
    there = triggers_at(target, db)
    plan: list[Step] = []
    if there is None:
        create = lambda: target.send("POST", CONFIGURE + "database", json={"db": db})  # noqa: E731
        plan.append(Step(f"create database {db}", create, lambda: _delete_database(target, db)))
    known, changed = files_at(target), set()
    for path in dict.fromkeys(t.path for t in wanted if not t.path.startswith(PREFIX)):
        for name, source in _local_files(engine, path).items():
            if known.get(name) != source:
                changed.add(path)
                plan.append(_upload(target, name, source, known))
    moved = [t for t in wanted if again or _differs(t, (there or {}).get(t.name))]
    if dry_run:
        tried = [t for t in wanted if (t in moved or t.path in changed) and t.spec.plugin_type != "Request"]
        plan += [Step(f"dry run of {t.path} for {t.name}", lambda t=t: _try(target, engine, db, t)) for t in tried]  # type: ignore[misc]
    return plan + [_put(target, db, t, (there or {}).get(t.name)) for t in moved]


def _check(engine: Engine, wanted: list[Definition]) -> None:
    assert engine.plugin_dir is not None
    for trigger in wanted:
        if trigger.path.startswith(PREFIX):
            continue
        found = problems(engine.plugin_dir / trigger.path, trigger.spec.text, trigger.arguments)
        if wrong := [p for p in found if p.level == "error"]:
            raise PeKitError(f"{trigger.path} is not fit to be deployed\n" + "\n".join(map(str, wrong)))


def _differs(wanted: Definition, there: Definition | None) -> bool:
    return there is None or replace(wanted, run_async=False) != there


def _upload(target: Target, name: str, source: str, known: Mapping[str, str | None]) -> Step:
    def put(text: str) -> None:
        target.send("POST", "/api/v3/plugins/files", json={"plugin_name": name, "content": text})

    old = known.get(name)
    undo = None if old is None else lambda: put(old)
    return Step(f"{'replace' if name in known else 'upload'} {name}", lambda: put(source), undo)


def _put(target: Target, db: str, wanted: Definition, there: Definition | None) -> Step:
    def create(trigger: Definition) -> None:
        target.send("POST", _TRIGGER, json=trigger.as_json(db))

    def delete() -> None:
        query = {"db": db, "trigger_name": wanted.name, "force": True}
        try:
            target.send("DELETE", _TRIGGER, query=query)
        except ServerError as error:
            if error.status != 404:
                raise

    def do() -> None:
        delete()
        create(wanted)

    def undo() -> None:
        delete()
        if there is not None:
            create(there)

    verb = "create" if there is None else "replace"
    state = "disabled" if wanted.disabled else "enabled"
    return Step(f"{verb} trigger {wanted.name} ({wanted.spec}, {wanted.path}, {state})", do, undo)


def _delete_database(target: Target, db: str) -> None:
    target.send("DELETE", CONFIGURE + "database", query={"db": db})


def _try(target: Target, engine: Engine, db: str, trigger: Definition) -> str:
    """Dry-run a plugin on the server; gives why it was not, where it cannot be."""
    given: dict[str, Any] = {"filename": trigger.path, "database": db, "cache_name": "pe-kit-deploy"}
    given["input_arguments"] = trigger.arguments or None
    if not trigger.path.endswith(".py"):
        return "a folder cannot be dry-run: the server runs its __init__.py alone"
    if trigger.spec.plugin_type == "WalRows":
        line = _newest_line(target, db, trigger.spec.value) or _newest_line(Local(engine), db, trigger.spec.value)
        if not line:
            return "there is no row to try it with"
        given["input_lp"] = line
    kind = "wal" if trigger.spec.plugin_type == "WalRows" else "schedule"
    done = json.loads(target.send("POST", f"/api/v3/plugin_test/{kind}", json=given))
    if done["errors"]:
        raise PeKitError(f"the dry run of {trigger.path} failed: {done['errors'][0]}", mend="Mend it, or --no-dry-run.")
    return ""


def _newest_line(target: Target, db: str, table: str) -> str:
    """The newest row of a table, of any table when none is named, as line protocol; empty where there is none."""
    where = "table_schema = 'iox'" + (f" AND table_name = '{table.replace(chr(39), chr(39) * 2)}'" if table else "")
    sql = f"SELECT table_name, column_name, data_type FROM information_schema.columns WHERE {where}"
    columns = _rows(target, db, sql)
    if not columns:
        return ""
    table = columns[0]["table_name"]
    kinds = {c["column_name"]: c["data_type"] for c in columns if c["table_name"] == table}
    quoted = table.replace('"', '""')
    for row in _rows(target, db, f'SELECT * FROM "{quoted}" ORDER BY time DESC LIMIT 1'):
        line = LineBuilder(table)
        for name, value in row.items():
            if "Dictionary" in kinds[name]:
                line.tag(name, value)
            elif name != "time" and value is not None:
                getattr(line, _FIELDS[kinds[name]])(name, value)
        return line.build()
    return ""


def apply(plan: Iterable[Step], say: Callable[[str], None]) -> None:
    """Do the steps; when one fails, take back those that were done, the newest first.

    Raises:
        PeKitError: a step failed; the text says what could not be taken back.
    """
    done: list[Step] = []
    for step in plan:
        try:
            note = step.do()
        except PeKitError as error:
            left = _take_back(done, say)
            stays = f"These stay: {'; '.join(left)}." if left else "What was done before is taken back."
            raise PeKitError(
                f"{step.text}: {error.message}", mend=" ".join(filter(None, (error.mend, stays)))
            ) from None
        done.append(step)
        say(f"{step.text}: {note if isinstance(note, str) and note else 'done'}")


def _take_back(done: list[Step], say: Callable[[str], None]) -> list[str]:
    left = []
    for step in reversed(done):
        if step.text.startswith("dry run"):
            continue
        try:
            if step.undo is None:
                left.append(step.text)
                continue
            step.undo()
            say(f"taken back: {step.text}")
        except PeKitError as error:
            left.append(f"{step.text} ({error.message})")
    return left


# -- from a server ------------------------------------------------------------------------------------------------


def pull(engine: Engine, db: str, names: Iterable[str], target: Target, say: Callable[[str], None]) -> bool:
    """Bring triggers and their plugin files into an engine; what is the same is left alone.

    Returns:
        Whether all came: the API does not give the text of plugin files, so they are read where the server says that
        they are; a plugin that cannot be read so must be in the engine's plugin folder already.

    Raises:
        NotFoundError: the server has no such database or trigger. UsageError: the engine is off.
    """
    there = triggers_at(target, db)
    if there is None:
        raise NotFoundError(f"the server has no database {db!r}")
    if engine.plugin_dir is None:
        raise UsageError("this engine has no plugin folder", mend="Make it with a plugin_dir.")
    for name in names:
        if name not in there:
            raise NotFoundError(f"{db!r} has no trigger {name!r}", mend=near_match(name, there, what="triggers"))
    files, complete = files_at(target), True
    if not engine.store.has_database(db):
        engine.create_database(db)
    mine = {t.name: t for t in triggers_of(engine, db, ())}
    for trigger in [there[name] for name in names] or list(there.values()):
        inside = {k: v for k, v in files.items() if k == trigger.path or k.startswith(f"{trigger.path.rstrip('/')}/")}
        for name, source in inside.items():
            local = engine.plugin_dir / name
            if source is not None and not (local.is_file() and local.read_text(encoding="utf-8") == source):
                engine.write_plugin(name, source)
                say(f"{name}: written")
        if not trigger.path.startswith(PREFIX) and not (engine.plugin_dir / trigger.path).exists():
            say(f"{trigger.name}: left out, {trigger.path} is not here: copy it into {engine.plugin_dir}")
            complete = False
            continue
        old = mine.get(trigger.name)
        if old is not None and not _differs(old, trigger):
            say(f"{trigger.name}: unchanged")
            continue
        if old is not None:
            engine.delete_trigger(trigger.name, db, force=True)
        engine.create_trigger(
            trigger.name,
            db=db,
            path=trigger.path,
            spec=trigger.spec.text,
            arguments=trigger.arguments or None,
            error_behavior=trigger.error_behavior,
            disabled=trigger.disabled,
        )
        say(f"{trigger.name}: {'replaced' if old is not None else 'created'}")
    return complete
