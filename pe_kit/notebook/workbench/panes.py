"""The panes below: which filters and pages they have, what they show, and the line of Python that gives the same."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pe_kit.engine.topology import topology
from pe_kit.notebook.html import page
from pe_kit.notebook.topology import topology_html
from pe_kit.notebook.workbench import looks
from pe_kit.notebook.workbench.code import call_text
from pe_kit.notebook.workbench.kept import Kept
from pe_kit.notebook.workbench.rows import Pager, page_sql

if TYPE_CHECKING:
    from pe_kit.engine.engine import Engine
    from pe_kit.store.table import Table

__all__ = ["PANES", "Panes"]

PANES = ("triggers", "runs", "logs", "cache", "tables", "fixtures", "topology")


class Panes:
    """What is chosen in each pane.

    Attributes:
        given: pane -> its filters and page, by the names in their forms.
        kept: the fixtures.
    """

    def __init__(self, engine: Engine, variable: str) -> None:
        self._engine = engine
        self._variable = variable
        self._pager = Pager()
        self.kept = Kept(engine, variable)
        self.given: dict[str, dict[str, Any]] = {name: {} for name in PANES}

    def table(self, state: Engine) -> Table | None:
        """The table that is looked at: the chosen one, else the first."""
        store = state._runtime.store
        chosen = self.given["tables"].get("table")
        if chosen:
            database, name = json.loads(chosen)
            if store.has_database(database) and store.has_table(database, name):
                return store.table(database, name)
        for database in store.database_names():
            for name in store.table_names(database) if database != "_internal" else ():
                self.given["tables"]["table"] = json.dumps([database, name])
                return store.table(database, name)
        return None

    def html(self, pane: str, state: Engine) -> str:
        """What a pane shows of a state."""
        given = self.given[pane]
        if pane == "triggers":
            return looks.triggers_html(state)
        if pane == "runs":
            return looks.runs_html(state, given.get("page", 1), given.get("event"))
        if pane == "logs":
            trigger, level, text = (given.get(k, "") for k in ("trigger", "level", "text"))
            return looks.logs_html(state, trigger, level, text, given.get("page", 1))
        if pane == "cache":
            return looks.cache_html(state)
        if pane == "fixtures":
            return self.kept.html()
        if pane == "topology":
            return topology_html(topology(state._runtime))
        table = self.table(state)
        if table is None:
            return page("no tables yet")
        found = self._pager.page(table, int(given.get("page", 1)))
        given["page"] = found.number
        return looks.rows_html(found)

    def of(self, state: Engine) -> str:
        """Name a state in Python."""
        return self._variable if state is self._engine else f"{self._variable}.at({state._history.count})"

    def line(self, pane: str, state: Engine) -> str:
        """The line that gives what a pane shows."""
        given = self.given[pane]
        of = self.of(state)
        if pane == "logs":
            trigger = given.get("trigger", "").partition(".")[2]
            chosen = {k: v for k, v in (("trigger", trigger), ("level", given.get("level"))) if v}
            text = given.get("text")
            part = f'.loc[lambda d: d["log_text"].str.contains({text!r}, regex=False)]' if text else ""
            return call_text(of, "logs", chosen) + part
        if pane == "tables" and given.get("table"):
            database, name = json.loads(given["table"])
            sql = page_sql(name, int(given.get("page", 1)))
            return f"{of}.query({sql!r}, {database!r})"
        if pane == "topology":
            return f"{of}.topology()"
        if pane == "fixtures":
            return f"from pe_kit.fixtures import find\nfind({self.kept.folder!r})"
        return f"{of}.{pane}" if pane in ("triggers", "runs", "cache") else ""
