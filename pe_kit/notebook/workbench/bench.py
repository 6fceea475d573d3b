"""The workbench as one widget: it reads the engine and calls it; it holds no logic of the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as w

from pe_kit.clock import as_text
from pe_kit.errors import PeKitError
from pe_kit.notebook import display
from pe_kit.notebook.html import page
from pe_kit.notebook.topology import topology_html
from pe_kit.notebook.workbench import looks
from pe_kit.notebook.workbench.code import CodeLine, call_text
from pe_kit.notebook.workbench.compose import Compose

if TYPE_CHECKING:
    from pe_kit.engine.engine import Engine
    from pe_kit.engine.history import View

__all__ = ["Workbench"]

PAGE = 50
KEPT = 50


class Workbench(w.VBox):  # type: ignore[misc]
    """Compose and fire events, move time, look at triggers, runs, logs, cache, tables and the topology, now or then.

    Args:
        engine: what it works on. Calls from other cells show in it at once.
        variable: the engine's name in the lines of Python that it shows.
    """

    def __init__(self, engine: Engine, variable: str = "engine") -> None:
        self._engine = engine
        self._variable = variable
        self._busy = False
        self._fired: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self._view: View | None = None
        self._quiet = False
        self.code = CodeLine()
        self.compose = Compose(engine, self.fire)
        self.last = w.HTML(page('<span class="pe-dim">what happens shows here</span>'))
        self.time = w.HTML()
        self.step = w.Button(description="Step", tooltip="do the next due thing")
        self.duration = w.Text(value="10m", description="by", layout=w.Layout(width="160px"))
        self.advance = w.Button(description="Advance", tooltip="let virtual time pass")
        self.until = w.Text(placeholder="2026-01-01T06:00:00Z", description="to", layout=w.Layout(width="260px"))
        self.run_to = w.Button(description="Run to", tooltip="let virtual time pass up to a moment")
        self.timeline = w.HTML()
        self.moment = w.IntSlider(
            description="event", min=0, max=0, continuous_update=False, layout=w.Layout(width="98%")
        )
        self.which = w.HTML()
        self.again = w.Dropdown(description="again", options=[("history of what was fired", -1)], value=-1)
        self.trigger = w.Dropdown(description="trigger")
        self.enable = w.Button(description="Enable")
        self.disable = w.Button(description="Disable")
        self.triggers, self.runs, self.cache = w.HTML(), w.HTML(), w.HTML()
        self.key = w.Dropdown(description="key")
        self.value = w.Text(description="value", placeholder="a Python literal")
        self.put, self.delete = w.Button(description="Put"), w.Button(description="Delete")
        self.log_trigger = w.Dropdown(description="trigger", options=[("all", "")], value="")
        levels = [("all", ""), *((level, level) for level in ("INFO", "WARN", "ERROR"))]
        self.log_level = w.Dropdown(description="level", options=levels, value="")
        self.log_text = w.Text(description="text", placeholder="part of the text")
        self.logs = w.HTML()
        self.table = w.Dropdown(description="table")
        self.page = w.BoundedIntText(description="page", min=1, value=1, max=1)
        self.rows, self.chart = w.HTML(), w.HTML()
        self.draw = w.Button(description="Chart", tooltip="draw the table's fields over time")
        self.graph = w.HTML()
        self.name = w.Text(description="name", placeholder="fixture name")
        self.freeze = w.Button(description="Freeze", tooltip="keep this session as a fixture")
        self._panes = [
            (
                "Triggers",
                w.VBox([w.HBox([self.trigger, self.enable, self.disable]), self.triggers]),
                self._show_triggers,
            ),
            ("Runs", self.runs, self._show_runs),
            ("Logs", w.VBox([w.HBox([self.log_trigger, self.log_level, self.log_text]), self.logs]), self._show_logs),
            ("Cache", w.VBox([w.HBox([self.key, self.value, self.put, self.delete]), self.cache]), self._show_cache),
            ("Tables", w.VBox([w.HBox([self.table, self.page, self.draw]), self.rows, self.chart]), self._show_tables),
            ("Topology", self.graph, self._show_topology),
            ("Fixtures", w.VBox([w.HBox([self.name, self.freeze])]), lambda: None),
        ]
        self.tabs = w.Tab([pane for _, pane, _ in self._panes], titles=tuple(title for title, _, _ in self._panes))
        wrapped = w.Layout(flex_flow="row wrap")
        clock = w.VBox([
            self.time,
            w.HBox([self.step, self.duration, self.advance, self.until, self.run_to], layout=wrapped),
            self.timeline, self.moment, self.which,
        ])  # fmt: skip
        super().__init__([clock, self.compose.widget, self.again, self.code, self.last, self.tabs])
        self.add_class("pe-workbench")
        self._wire()
        self.refresh()
        self._unsubscribe = engine.on_event(self._changed)

    def _wire(self) -> None:
        self.step.on_click(lambda _: self.fire("step", (), {}))
        self.advance.on_click(lambda _: self.fire("advance", (self.duration.value,), {}))
        self.run_to.on_click(lambda _: self.fire("advance_to", (self.until.value,), {}))
        self.enable.on_click(lambda _: self._of_trigger("enable_trigger"))
        self.disable.on_click(lambda _: self._of_trigger("disable_trigger"))
        self.put.on_click(lambda _: self._edit_cache(False))
        self.delete.on_click(lambda _: self._edit_cache(True))
        self.draw.on_click(lambda _: self._draw())
        self.freeze.on_click(lambda _: self._freeze())
        self.moment.observe(self._travel, "value")
        self.again.observe(self._again, "value")
        self.tabs.observe(lambda _: self._show_pane(), "selected_index")
        for field in (self.log_trigger, self.log_level, self.log_text):
            field.observe(lambda _: self._show_logs(), "value")
        for number in (self.table, self.page):
            number.observe(lambda _: self._show_tables(), "value")

    # -- doing --------------------------------------------------------------------------------------------------

    def fire(self, method: str, args: tuple[Any, ...], options: dict[str, Any]) -> None:
        """Call the engine, show what happened and the line that does the same. A second click waits for the first."""
        if self._busy:
            return
        self._busy = True
        self.code.value = call_text(self._variable, method, *args, **options)
        try:
            outcome = getattr(self._engine, method)(*args, **options)
            self.last.value = display.outcome_html(outcome) if outcome is not None else page("✔ done")
            if method in ("write", "call", "request"):
                self._fired = [*self._fired[-KEPT:], (method, args, options)]
        except PeKitError as error:
            self.last.value = display.error_html(error)
        finally:
            self._busy = False
        self.refresh()

    def _of_trigger(self, method: str) -> None:
        if self.trigger.value is not None:
            database, name = self.trigger.value
            self.fire(method, (name, database), {})

    def _edit_cache(self, delete: bool) -> None:
        if self.key.value is None:
            return
        database, trigger, key = self.key.value
        if delete:
            self.fire("delete_cached", (key,), {"trigger": trigger, "db": database})
        else:
            import ast

            try:
                value = ast.literal_eval(self.value.value)
            except (ValueError, SyntaxError):
                value = self.value.value
            self.fire("put_cached", (key, value), {"trigger": trigger, "db": database})

    def _freeze(self) -> None:
        self.code.value = call_text(self._variable, "freeze", self.name.value)
        try:
            self.last.value = page(f"✔ frozen: {self._engine.freeze(self.name.value)}")
        except PeKitError as error:
            self.last.value = display.error_html(error)

    def _again(self, change: dict[str, Any]) -> None:
        if change["new"] is not None and change["new"] >= 0:
            self.compose.load(*self._fired[change["new"]])

    def _draw(self) -> None:
        from pe_kit.notebook.plot import chart_bundle

        if self.table.value is not None:
            database, table = self.table.value
            self.code.value = call_text(self._variable, "plot", table, database)
            bundle = chart_bundle(self._engine.plot(table, database))
            self.chart.value = bundle.get("text/html") or bundle.get("image/svg+xml", "")

    # -- looking ------------------------------------------------------------------------------------------------

    @property
    def _state(self) -> Engine | View:
        return self._engine if self._view is None else self._view

    def _changed(self) -> None:
        if not self._busy:
            self.refresh()

    def _travel(self, change: dict[str, Any]) -> None:
        if self._quiet:
            return
        last, wanted = self.moment.max, change["new"]
        try:
            self._view = None if wanted >= last else self._engine.at(wanted)
        except PeKitError as error:
            self.last.value = display.error_html(error)
        self.code.value = "" if self._view is None else call_text(self._variable, "at", wanted)
        self._show()

    def refresh(self) -> None:
        """Show the engine as it is now."""
        self._view, self._quiet = None, True
        self.moment.max = self._engine._history.count
        self.moment.value = self.moment.max
        self._quiet = False
        self.compose.refresh()
        options = [("history of what was fired", -1)]
        options += [(call_text("", m, *a, **o)[1:120], i) for i, (m, a, o) in enumerate(self._fired)]
        self.again.options = options
        self.again.value = -1
        self._show()

    def _show(self) -> None:
        state = self._state
        self.time.value = page(f"<b>{as_text(state.now_ns)}</b> {'virtual time' if self._view is None else 'then'}")
        self.timeline.value = looks.timeline_html(self._engine, self.moment.value)
        past = (
            "now" if self._view is None else f"as it was after event {self.moment.value}; move the slider right for now"
        )
        self.which.value = page(f'<span class="pe-dim">{past}</span>')
        triggers = list(state._runtime.triggers)
        _choose(self.trigger, [(f"{t.database}.{t.name}", t.key) for t in triggers])
        _choose(self.log_trigger, [("all", ""), *((t.name, t.name) for t in triggers)])
        cached = [(f"{d}.{t}: {k}", (d, t, k)) for n, d, t, k, _ in state._runtime.cache.entries() if n == "trigger"]
        shared = [
            (f"global: {k}", (None, None, k)) for n, _, _, k, _ in state._runtime.cache.entries() if n == "global"
        ]
        _choose(self.key, cached + shared)
        store = state._runtime.store
        names = [(f"{d}.{t}", (d, t)) for d in store.database_names() for t in store.table_names(d)]
        _choose(self.table, names)
        self._show_pane()

    def _show_pane(self) -> None:
        self._panes[self.tabs.selected_index or 0][2]()

    def _show_triggers(self) -> None:
        self.triggers.value = looks.triggers_html(self._state)

    def _show_runs(self) -> None:
        self.runs.value = looks.runs_pane(self._state)

    def _show_logs(self) -> None:
        self.logs.value = looks.logs_html(
            self._state, self.log_trigger.value or "", self.log_level.value or "", self.log_text.value
        )

    def _show_cache(self) -> None:
        self.cache.value = looks.cache_html(self._state)

    def _show_tables(self) -> None:
        if self.table.value is None:
            self.rows.value = page("no tables yet")
            return
        database, table = self.table.value
        quoted = table.replace('"', '""')
        total = int(self._state.query_arrow(f'SELECT count(*) AS n FROM "{quoted}"', database)["n"][0].as_py())
        self.page.max = max(1, -(-total // PAGE))
        offset = (self.page.value - 1) * PAGE
        frame = self._state.query(f'SELECT * FROM "{quoted}" ORDER BY time LIMIT {PAGE} OFFSET {offset}', database)
        shown = f"rows {offset + 1 if total else 0} to {offset + len(frame)} of {total}"
        self.rows.value = page(f"<div>{shown}</div>") + looks.frame_html(frame, "engine.query(...)", PAGE)

    def _show_topology(self) -> None:
        self.graph.value = topology_html(self._engine.topology())

    # -- staying readable -----------------------------------------------------------------------------------------

    def close(self) -> None:
        """Stop following the engine."""
        self._unsubscribe()
        super().close()

    def static_html(self) -> str:
        """The last state as plain HTML, for saved notebooks and exports."""
        note = page('<div class="pe-dim">the workbench as it was; run the cell to use it</div>')
        parts = [note, self.time.value, self.timeline.value, looks.triggers_html(self._state), self.last.value]
        return "".join(parts)

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        bundle: dict[str, Any] = super()._repr_mimebundle_(**kwargs)
        return {**bundle, "text/html": self.static_html()}


def _choose(field: w.Dropdown, options: list[tuple[str, Any]]) -> None:
    """Offer options; the choice stays where it is still there, else it is the first."""
    if tuple(field.options) == tuple(options):
        return
    chosen = field.value
    field.options = options
    values = [value for _, value in options]
    if values:
        field.value = chosen if chosen in values else values[0]
