"""The cell is a plugin that ``pe-kit validate`` has nothing to say about, and that still does its work."""

import tempfile
from pathlib import Path

from pe_kit import Engine, Limits
from pe_kit.cli.validate import problems


def can_be_called(source):
    return _found(source, "arity", "async-entry-point", "entry-point")


def calls_that_exist(source):
    return _found(source, "params-for-args", "parameter-not-text", "no-such-method", "no-sync-missing")


def can_catch(source):
    return _found(source, "unnamed-exception")


def still_works(source):
    with Engine(start="2026-01-01", limits=Limits(run_time="10s")) as engine:
        engine.create_database("lab")
        engine.write_plugin("plugin.py", source)
        engine.create_trigger("exercise", db="lab", path="plugin.py", spec="table:freezer")
        for _ in range(2):
            engine.write("freezer,freezer=F1 temp=-12\nfreezer,freezer=F2 temp=-18", "lab").raise_for_error()
            engine.advance("1m")
        if "alarm" not in list(engine.tables("lab")["table"]):
            return "There is no table alarm: nothing was written."
        alarms = engine.query("SELECT freezer, n FROM alarm ORDER BY time", "lab").to_dict("records")
    wanted = [{"freezer": "F1", "n": 1}, {"freezer": "F1", "n": 2}]
    return None if alarms == wanted else f"expected {wanted}, yours {alarms}"


def _found(source, *rules):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "plugin.py")
        path.write_text(source, encoding="utf-8")
        found = [one for one in problems(path, "table:freezer") if one.rule in rules]
    return " ".join(f"Line {one.line}: {one.message}. {one.mend}" for one in found) or None
