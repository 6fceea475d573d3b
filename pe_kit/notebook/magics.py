"""The magics: thin words over the Engine of the notebook. Only the first line is read, the cell goes on untouched."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from difflib import get_close_matches
from functools import wraps
from typing import TYPE_CHECKING, Any

from pe_kit.engine.engine import Engine
from pe_kit.engine.outcome import Outcome
from pe_kit.engine.trigger import parse_arguments, parse_spec
from pe_kit.errors import NotFoundError, PeKitError, UsageError, near_match
from pe_kit.notebook.options import HelpRequested, pairs, split_line
from pe_kit.notebook.plugincell import check_source, plugin_card
from pe_kit.notebook.progress import Progress
from pe_kit.notebook.text import error_lines
from pe_kit.notebook.words import SUBCOMMANDS, WORDS

if TYPE_CHECKING:
    import pandas as pd
    from IPython.core.interactiveshell import InteractiveShell

    from pe_kit.notebook.card import Card
    from pe_kit.workshop.checking import Checked

__all__ = ["Magics"]

_QUERY = re.compile(r"\s*(?:-o\s+(\S+)\s+)?(\S+)\s*(?:-o\s+(\S+)\s*)?(.*)", re.DOTALL)
_VARIABLE = re.compile(r"\{.+\}")


class Magics:
    """The magics of one shell.

    Attributes:
        variable: the name of the Engine in the notebook's namespace (``%pe use``).
    """

    def __init__(self, shell: InteractiveShell) -> None:
        self.shell = shell
        self.variable = "engine"
        self.progress = Progress(shell)

    def register(self) -> None:
        """Make the magics known to the shell."""
        for name, kind, work in (
            ("plugin", "cell", self.plugin),
            ("write", "cell", self.write),
            ("query", "line_cell", self.query),
            ("request", "line_cell", self.request),
            ("advance", "line", self.advance),
            ("step", "line", self.step),
            ("call", "line", self.call),
            ("exercise", "cell", self.exercise),
            ("influxdb3", "line_cell", self.influxdb3),
            ("pe", "line", self.pe),
        ):
            self.shell.register_magic_function(_spoken(work), kind, name)

    @property
    def engine(self) -> Engine:
        """The Engine that the magics speak to.

        Raises:
            UsageError: the variable holds no Engine.
        """
        engine = self.shell.user_ns.get(self.variable)
        if not isinstance(engine, Engine):
            what = f"is a {type(engine).__name__}, no Engine" if self.variable in self.shell.user_ns else "is not there"
            known = self.engines()
            mend = (
                f"%pe use VARIABLE chooses another one: {', '.join(known)}."
                if known
                else "Make one: engine = pe_kit.Engine()"
            )
            raise UsageError(f"the variable {self.variable!r} {what}", mend=mend)
        if engine.progress is None:
            engine.progress = self.progress
        return engine

    def engines(self) -> list[str]:
        """Name the variables that hold an Engine."""
        return [
            name for name, value in self.shell.user_ns.items() if isinstance(value, Engine) and not name.startswith("_")
        ]

    def plugin(self, line: str, cell: str) -> Card:
        """Save the cell as a plugin file; with --trigger also create or replace a trigger.

        %%plugin FILE.py [--trigger NAME --trigger-spec SPEC --database DB --trigger-arguments K=V,K=V
                          --run-asynchronous --error-behavior log|retry|disable]
        """
        got = WORDS["plugin"].read(line)
        engine = self.engine
        trigger = got.trigger
        needed = {"--trigger": trigger, "--trigger-spec": got.trigger_spec, "--database": got.database}
        missing = [option for option, value in needed.items() if value is None]
        if missing and len(missing) < len(needed):
            raise UsageError(
                f"a trigger needs {', '.join(needed)}; {' and '.join(missing)} is not given",
                mend=f"It is {WORDS['plugin'].usage_line}",
            )
        if not got.file.endswith(".py"):
            raise UsageError(f"{got.file} is no Python file", mend=f"Write %%plugin {got.file}.py")
        check_source(got.file, cell)
        arguments = None if got.trigger_arguments is None else parse_arguments(got.trigger_arguments)
        if trigger is not None:
            parse_spec(got.trigger_spec)
        engine.write_plugin(got.file, cell)
        if trigger is None:
            return self._with_missing(plugin_card(got.file, cell), got.file)
        path = got.file.removesuffix("/__init__.py")
        definition = {
            "path": path,
            "spec": got.trigger_spec,
            "arguments": arguments,
            "run_async": got.run_asynchronous,
            "error_behavior": got.error_behavior,
        }
        done = self._put_trigger(trigger, got.database, definition)
        return self._with_missing(plugin_card(got.file, cell, got.trigger_spec, done), path)

    def _with_missing(self, card: Card, path: str) -> Card:
        """Say before a plugin runs what it needs that is not installed."""
        code = self.engine._code
        needs = [need.text for need in code.registry.missing(path)] if code is not None else []
        if not needs:
            return card
        row = ("not installed", f"{', '.join(needs)}: %influxdb3 install package {shlex.join(needs)}")
        return card._replace(tone="warn", rows=[*card.rows, row])

    def _put_trigger(self, name: str, db: str, definition: dict[str, Any]) -> str:
        """Create a trigger, or replace the one that is there; one that runs with the same definition is left alone."""
        engine = self.engine
        frame = engine.triggers
        there = frame[(frame["trigger_name"] == name) & (frame["database"] == db)]
        said = f"{definition['spec']} on {db}"
        if len(there):
            old = there.iloc[0]
            same = (
                old["plugin_filename"] == definition["path"]
                and old["trigger_specification"] == parse_spec(definition["spec"]).json
                and old["arguments"] == definition["arguments"]
                and bool(old["run_async"]) == definition["run_async"]
                and old["error_behavior"] == definition["error_behavior"]
                and old["state"] == "running"
            )
            if same:
                return f"{name} unchanged, its next call runs the new code: {said}"
            engine.delete_trigger(name, db, force=True)
        databases = list(engine.databases["database"])
        if db not in databases and not get_close_matches(db, databases):
            engine.create_database(db)
            said += f", database {db} created"
        engine.create_trigger(name, db=db, **definition)
        return f"{name} {'replaced' if len(there) else 'created'}: {said}"

    def write(self, line: str, cell: str) -> Outcome:
        """Write the cell, which is line protocol; the result is an Outcome.

        %%write DB [--precision P] [--no-sync] [--load]
        """
        got = WORDS["write"].read(line)
        if got.load:
            if got.no_sync:
                raise UsageError(
                    "--load and --no-sync were both given", mend="--load fires no trigger: it needs no flush."
                )
            return self.engine.load(cell, got.db, precision=got.precision)
        return self.engine.write(cell, got.db, precision=got.precision, no_sync=got.no_sync)

    def query(self, line: str, cell: str | None = None) -> pd.DataFrame:
        """Run SQL and give a DataFrame; -o NAME also keeps it in a variable.

        %%query DB [-o NAME]     the cell is SQL
        %query DB SELECT ...
        """
        if cell is None and not {"-h", "--help"}.intersection(line.split()[:1]):
            match = _QUERY.fullmatch(line)
            first, db, second, sql = match.groups() if match else (None, "", None, "")
            output = first or second
            if not sql.strip():
                raise UsageError(
                    "%query: the SQL is missing",
                    mend="It is %query DB SELECT ..., or %%query DB with the SQL in the lines below.",
                )
        else:
            got = WORDS["query"].read(line)
            db, output, sql = got.db, got.output, cell or ""
        if output is not None and not output.isidentifier():
            raise UsageError(f"-o {output}: that is no variable name")
        frame = self.engine.query(sql, db)
        if output is not None:
            self.shell.user_ns[output] = frame
        return frame

    def request(self, line: str, cell: str | None = None) -> Outcome:
        """Send a request to a request trigger; the cell is the body. Without a body the method is GET, else POST.

        %%request PATH [--method M] [--param K=V ...] [--header K=V ...]
        """
        got = WORDS["request"].read(line)
        method = got.method or ("GET" if cell is None else "POST")
        return self.engine.request(
            got.path.removeprefix("/api/v3/engine/"),
            method=method.upper(),
            params=pairs(got.param, "--param"),
            headers=pairs(got.header, "--header"),
            body=cell,
        )

    def advance(self, line: str) -> Outcome:
        """Let virtual time pass: %advance 10m. Every flush and schedule on the way fires."""
        got = WORDS["advance"].read(line)
        return self.engine.advance(" ".join(got.duration))

    def step(self, line: str) -> Outcome:
        """Do the next due thing only: %step."""
        WORDS["step"].read(line)
        return self.engine.step()

    def call(self, line: str) -> Outcome:
        """Fire a schedule trigger now: %call TRIGGER [--database DB] [--at T]."""
        got = WORDS["call"].read(line)
        engine = self.engine
        db = got.database
        if db is None:
            frame = engine.triggers
            homes = list(frame.loc[frame["trigger_name"] == got.trigger, "database"])
            if not homes:
                raise NotFoundError(
                    f"there is no trigger {got.trigger!r}",
                    mend=near_match(got.trigger, frame["trigger_name"], what="triggers"),
                )
            if len(homes) > 1:
                raise UsageError(
                    f"{len(homes)} databases have a trigger {got.trigger!r}",
                    mend=f"Say which one: --database {' or '.join(homes)}",
                )
            db = homes[0]
        return engine.call(got.trigger, db, at=got.at)

    def exercise(self, line: str, cell: str) -> Checked:
        """Check the cell against an exercise of the lessons: %%exercise NN.M [--hint].

        The cell is not saved: %%plugin does that. What was done is kept in the notebook's folder.
        """
        from pe_kit.workshop.checking import attempt

        got = WORDS["exercise"].read(line)
        return attempt(got.number, cell, hint=got.hint)

    def influxdb3(self, line: str, cell: str | None = None) -> None:
        """Speak the server's own words to the notebook's engine, or with --host to a server.

        %influxdb3 create trigger --trigger-spec table:cpu --path my.py --database DB NAME
        %%influxdb3 write --database DB      the cell is what would be piped in

        A word that is a variable in braces is filled in, as in --host {server.url}; the others, SQL too, are not.
        """
        from pe_kit.cli.influxdb3 import Local, run

        words = split_line(line) or ["--help"]
        words = [self.shell.var_expand(word) if _VARIABLE.fullmatch(word) else word for word in words]
        try:
            run(words, Local(self.engine), read=None if cell is None else lambda: cell)
        except HelpRequested as text:
            raise HelpRequested(str(text).replace("usage: ", "usage: %", 1)) from None

    def pe(self, line: str) -> Any:
        """Look around: %pe runs, cache, logs, triggers, plugins, use VARIABLE, help."""
        name, _, rest = line.strip().partition(" ")
        subcommand = SUBCOMMANDS.get(name or "help")
        if subcommand is None:
            raise UsageError(f"%pe has no subcommand {name!r}", mend=near_match(name, SUBCOMMANDS, what="subcommands"))
        return subcommand.run(self, subcommand.options.read(rest))


def _spoken(work: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a magic so that errors of the kit show their message and mend, without the kit's own frames."""

    @wraps(work)
    def magic(line: str, cell: str | None = None) -> Any:
        try:
            return work(line) if cell is None else work(line, cell)
        except HelpRequested as text:
            print(text)
            return None
        except PeKitError as error:
            lines = error_lines(error)
            error._render_traceback_ = lambda: lines  # type: ignore[attr-defined]
            raise

    if work.__name__ in ("query", "influxdb3"):  # SQL has its own $ and {}
        magic._ipython_magic_no_var_expand = True  # type: ignore[attr-defined]
    return magic
