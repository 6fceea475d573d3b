"""The workbench as one widget: it reads the engine and calls it; it holds no logic of the engine.

The browser's side is ``bench.js``: a page of forms. What someone presses comes as one message that carries all values
of its form: a click never overtakes what was typed before it, and each click is one call. What there is to see goes out
as traits of HTML.
"""

from __future__ import annotations

import asyncio
import gc
import json
import threading
import time
from importlib import resources
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets as t

from pe_kit.clock import as_text
from pe_kit.engine.interrupt import AdvanceInterrupted
from pe_kit.errors import PeKitError, UsageError
from pe_kit.notebook import display
from pe_kit.notebook.html import data, page
from pe_kit.notebook.visible import count, lasting, visible
from pe_kit.notebook.workbench import compose, looks
from pe_kit.notebook.workbench.code import call_text, event_text, session_text
from pe_kit.notebook.workbench.offers import offers, upcoming_html
from pe_kit.notebook.workbench.panes import PANES, Panes
from pe_kit.notebook.workbench.rows import chart_sql
from pe_kit.notebook.workbench.signals import preview, signal_of
from pe_kit.notebook.workbench.still import still_html
from pe_kit.notebook.workbench.timeline import timeline_html

if TYPE_CHECKING:
    from pe_kit.engine.engine import Engine

__all__ = ["Workbench"]

KEPT = 50
"""Events that can be fired again from the list."""
_EVERY = 0.2
"""Real seconds between two looks at an engine that other cells work with."""
_FILES = resources.files("pe_kit.notebook.workbench")
Values = dict[str, Any]


def _warm_up() -> None:
    """Start what draws while somebody looks at a table: the first chart is there as soon as the next."""
    from pe_kit.notebook.chart import warm_up

    warm_up()


class Workbench(anywidget.AnyWidget):  # type: ignore[misc]
    """Compose and fire events, move time, look at triggers, runs, logs, cache, tables and the topology, now or then.

    Args:
        engine: what it works on. Calls from other cells show in it at once.
        variable: the engine's name in the lines of Python that it shows.
        fixtures: the folder of fixtures whose pending differences it opens with.
    """

    _esm = _FILES.joinpath("bench.js").read_text("utf-8")
    _css = _FILES.joinpath("bench.css").read_text("utf-8")
    _pe_id = t.Unicode("").tag(sync=True)
    clock = t.Unicode("").tag(sync=True)
    timeline = t.Unicode("").tag(sync=True)
    moment = t.Int(0).tag(sync=True)
    latest = t.Int(0).tag(sync=True)
    which = t.Unicode("now").tag(sync=True)
    choices = t.Dict().tag(sync=True)
    checked = t.Unicode("").tag(sync=True)
    preview = t.Unicode("").tag(sync=True)
    upcoming = t.Unicode("").tag(sync=True)
    status = t.Unicode("").tag(sync=True)
    code = t.Unicode("").tag(sync=True)
    session = t.Unicode("").tag(sync=True)
    last = t.Unicode("").tag(sync=True)
    pane = t.Unicode(PANES[0]).tag(sync=True)
    body = t.Unicode("").tag(sync=True)
    chart = t.Unicode("").tag(sync=True)

    def __init__(self, engine: Engine, variable: str = "engine", *, fixtures: str | None = None) -> None:
        self._engine = engine
        self._variable = variable
        self._fired: list[tuple[str, str, Values]] = []
        self._view: Engine | None = None
        self._working = self._due = False
        self._looked = 0.0
        self._panes = Panes(engine, variable)
        self._still: Any = None
        try:
            self._loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            self._loop = None
        super().__init__()
        self.add_class("pe-workbench")
        self._pe_id = self.model_id
        self.last = page('<span class="pe-dim">what happens shows here</span>')
        self.checked = compose.check_lines("")
        self.on_msg(lambda _, content, __: self.do(content.get("do", ""), **content.get("values", {})))
        if fixtures is not None:
            self._panes.kept.choose(fixtures)
            self._do_pane({"pane": "fixtures"})
        self._look()
        self._unsubscribe = engine.on_event(self._changed)

    # -- doing --------------------------------------------------------------------------------------------------

    def do(self, what: str, /, **values: Any) -> None:
        """Do what a button does: ``what`` is its ``data-do``, ``values`` are those of its form and its own ``id``."""
        gc.disable()  # to go through all objects of a long session takes longer than most looks
        try:
            with self.hold_sync():
                if what in compose.EVENTS:
                    self.code = ""
                    self.fire(*compose.EVENTS[what](values))
                else:
                    getattr(self, f"_do_{what}")(values)
        except AdvanceInterrupted as stopped:
            self._said("■ interrupted", display.outcome_html(stopped.outcome))
        except PeKitError as error:
            self._said(f"✘ {type(error).__name__}", display.error_html(error))
        except Exception as error:  # a click has nobody to raise to
            self._said(
                f"✘ {type(error).__name__}", page(f'<div class="pe-box pe-bad">✘ {data(str(error), 1000)}</div>')
            )
        finally:
            gc.enable()

    def _said(self, status: str, html: str) -> None:
        self.status, self.last = status, html
        self._follow()

    def fire(self, method: str, given: Values, code: str = "") -> None:
        """Call the engine; show what happened and the line that does the same."""
        gc.enable()
        code = code or call_text(self._variable, method, given)
        self.code = code
        self.status = f"… working: {visible(code, 80)}"
        self.send_state(("status", "code"))  # at once, not when the work is done
        before, self._engine.progress = self._engine.progress, self._progress
        self._working, began = True, time.perf_counter()
        try:
            outcome = getattr(self._engine, method)(**given)
        finally:
            self._working = False
            self._engine.progress = before
        if method in ("write", "call", "request"):
            said = visible(call_text("", method, given)[1:], 100)
            self._fired = [*self._fired[1 - KEPT :], (said, method, given)]
        took = lasting(time.perf_counter() - began)
        ok = outcome is None or outcome.ok
        html = page("✔ done") if outcome is None else display.outcome_html(outcome)
        self._said(f"{'✔ done' if ok else '✘ done, with errors'} in {took}", html)

    def _progress(self, start: int, now: int, target: int, runs: int) -> None:
        """Say how far a long advance is; the browser may show it while the kernel is busy."""
        if time.perf_counter() - self._looked > _EVERY:
            self._looked = time.perf_counter()
            share = (now - start) / max(target - start, 1)
            self.status = f"… {share:4.0%} · {as_text(now)} · {count(runs, 'run')}; interrupt the kernel to stop"
            self.send_state("status")

    def _do_next_five(self, values: Values) -> None:
        self.fire(*compose.fifth_time(self._engine, values))

    def _do_signal(self, values: Values) -> None:
        made, text, names = signal_of(values, as_text(self._engine.now_ns))
        line = f"{names}\n{self._variable}.write(({text}).lp(), {values['database']!r})"
        self.fire("write", {"data": made.lp(), "db": values["database"]}, line)

    def _do_play(self, values: Values) -> None:
        made, text, names = signal_of(values, as_text(self._engine.now_ns))
        line = f"{names}\n{self._variable}.play({text}, {values['database']!r})"
        self.fire("play", {"series": made, "db": values["database"], "progress": False}, line)

    def _do_edit(self, values: Values) -> None:
        database, trigger, key = values["id"]
        for _, d, name, k, entry in self._state._runtime.cache.entries():
            if (d, name, k) == (database, trigger, key):
                ttl = "" if entry.expires_ns is None else f"{(entry.expires_ns - self._state.now_ns) / 1e9:g}"
                scope = json.dumps([database, trigger])
                self._fill("cache", {"scope": scope, "key": key, "value": repr(entry.value), "ttl": ttl})

    # -- composing ------------------------------------------------------------------------------------------------

    def _fill(self, form: str, values: Values) -> None:
        """Put values into a form of the browser."""
        self.send({"fill": form, "values": values})

    def _do_again(self, values: Values) -> None:
        if values.get("again"):
            form, found = compose.values_of(*self._fired[-int(values["again"])][1:])
            if form == "write":
                self.checked = compose.check_lines(found["lines"])
            self._fill(form, found)

    def _do_template(self, values: Values) -> None:
        form = values["form"]
        found = compose.TEMPLATES[form].get(values["template"])
        if found is not None:
            if "lines" in found:
                self.checked = compose.check_lines(found["lines"])
            self._fill(form, found)
            if form == "signal":
                self._do_preview({**values, **found})

    def _do_check(self, values: Values) -> None:
        self.checked = compose.check_lines(values["lines"])

    def _do_preview(self, values: Values) -> None:
        self.preview = preview(values, as_text(self._engine.now_ns))

    # -- the past -------------------------------------------------------------------------------------------------

    @property
    def _state(self) -> Engine:
        return self._engine if self._view is None else self._view

    def _do_travel(self, values: Values) -> None:
        wanted = int(values["id"] if "id" in values else values["n"])
        self._leave()
        self.code = ""
        if wanted < self._engine._history.count:
            self._view = self._engine.at(wanted)
            self.code = self._panes.of(self._view)
        event = next(
            (event_text(e, self._variable) for e in reversed(self._engine._history.events) if e.id == wanted), ""
        )
        self.status = f"event {wanted}" if wanted else "the beginning"
        self._panes.given["runs"] = {"event": wanted}
        runs = looks.runs_html(self._state, 1, wanted)
        self.last = page(f'<pre class="pe-code" tabindex="0">{data(event, 2000, lines=True)}</pre>') + runs
        self._look(travelled=True)

    def _do_now(self, _: Values) -> None:
        self._leave()
        self.code, self.status = "", "now"
        self._look()

    def _do_event(self, values: Values) -> None:
        self._panes.given["runs"] = {"event": int(values["id"])}
        self._do_pane({"pane": "runs"})

    def _leave(self) -> None:
        """Close the engine of the past that was looked at: it has a folder of its own."""
        if self._view is not None:
            self._view.close()
            self._view = None

    # -- looking ------------------------------------------------------------------------------------------------

    def _do_pane(self, values: Values) -> None:
        self.pane = values["pane"]
        if self.pane == "tables" and self._loop is not None:
            self._loop.call_later(_EVERY, _warm_up)
        self.body, self.code = self._panes.html(self.pane, self._state), self._panes.line(self.pane, self._state)

    def _filter(self, pane: str, values: Values) -> None:
        """Show a pane with other filters or another page; they stay as they were where that fails."""
        before = self._panes.given[pane]
        self._panes.given[pane] = before | {k: v for k, v in values.items() if k != "id"}
        try:
            self.body = self._panes.html(pane, self._state)
        except Exception:
            self._panes.given[pane] = before
            raise
        self.pane, self.code = pane, self._panes.line(pane, self._state)
        if pane == "tables":
            self._fill(pane, {"page": self._panes.given[pane].get("page", 1)})

    def _do_logs(self, values: Values) -> None:
        self._filter("logs", values | {"page": 1})

    def _do_page(self, values: Values) -> None:
        pane, number = values["id"]
        self._filter(pane, {"page": number, "event": None})

    def _do_run(self, values: Values) -> None:
        runs = self._engine.runs
        place = next((i for i in range(1, len(runs) + 1) if runs[-i].id == values["id"]), None)
        if place is None:
            self.status = "that run is no longer kept"
            return
        self.last, self.code = display.run_html(runs[-place]), f"{self._variable}.runs[-{place}]"
        self.status = f"run {values['id']}"

    def _do_table(self, values: Values) -> None:
        same = values.get("table") == self._panes.given["tables"].get("table")
        self.chart = self.chart if same else ""
        self._filter("tables", values | {"page": int(values.get("page") or 1) if same else 1})
        self.choices = self._offers()

    def _do_chart(self, values: Values) -> None:
        from pe_kit.notebook.chart import chart_bundle
        from pe_kit.notebook.plot import plot

        self._filter("tables", {"table": values["table"]})
        table = self._panes.table(self._state)
        if table is None:
            raise UsageError("there is no table yet", mend="Write something first.")
        sql, database = chart_sql(table, values.get("field", "")), json.loads(self._panes.given["tables"]["table"])[0]
        self.code = f"{self._panes.of(self._state)}.plot({sql!r}, {database!r})"
        bundle = chart_bundle(plot(self._state, sql, database))
        self.chart, self.status = bundle.get("text/html") or bundle.get("image/svg+xml", ""), "✔ drawn"

    def _do_session(self, _: Values) -> None:
        self.session = session_text(self._engine.history, self._variable)

    # -- fixtures -------------------------------------------------------------------------------------------------

    def _did(self, shown: tuple[str, str], status: str) -> None:
        html, self.code = shown
        self.status = status
        self.last = html or self.last
        self.body = self._panes.html(self.pane, self._state)

    def _do_freeze(self, values: Values) -> None:
        self._do_folder(values)
        self._did(self._panes.kept.freeze(values["name"], values.get("last", "")), "✔ frozen")

    def _do_folder(self, values: Values) -> None:
        self._panes.kept.choose(values["folder"])
        self._do_pane({"pane": "fixtures"})

    def _do_replay(self, values: Values) -> None:
        self._did(self._panes.kept.replay(values["id"]), "replayed")

    def _do_pending(self, values: Values) -> None:
        self._did(self._panes.kept.show(values["id"]), "what is pending")

    def _do_accept(self, values: Values) -> None:
        self._did(self._panes.kept.accept(values["id"], values.get("row", [])), "✔ accepted")

    def _do_reject(self, values: Values) -> None:
        self._did(self._panes.kept.reject(values["id"]), "✔ rejected")

    # -- what is there ----------------------------------------------------------------------------------------------

    def _changed(self) -> None:
        """Follow what others do: at once, but a cell that fires thousands of events is looked at now and then."""
        if self._working:
            return
        wait = self._looked + _EVERY - time.perf_counter()
        if self._loop is None or (wait <= 0 and threading.current_thread() is threading.main_thread()):
            self._follow()
        elif not self._due:
            self._due = True
            self._loop.call_soon_threadsafe(lambda: self._loop and self._loop.call_later(max(wait, 0), self._follow))

    def _follow(self) -> None:
        self._due = False
        if self._engine.closed:
            self.status = "the engine is closed"
            return
        try:
            with self.hold_sync():
                self._look()
        except Exception as error:  # never let the cell fail that only wrote something
            self.status = f"✘ {type(error).__name__}: {visible(str(error), 200)}"

    def _look(self, *, travelled: bool = False) -> None:
        """Show the engine as it is now, or the moment of its past that was just chosen."""
        if not travelled:
            self._leave()
            self._panes.given["runs"].pop("event", None)
        state = self._state
        self.latest = self._engine._history.count
        self.moment = self.latest if self._view is None else self._view._history.count
        now = "virtual time" if self._engine.is_virtual else "wall clock"
        self.clock = page(f"<b>{as_text(state.now_ns)}</b> {now if self._view is None else 'then'}")
        self.which = "now" if self._view is None else f"as it was after event {self.moment} of {self.latest}"
        self.timeline = timeline_html(self._engine, self.moment)
        self.choices = self._offers()
        if not travelled:
            self.upcoming = upcoming_html(self._engine)
        self.body = self._panes.html(self.pane, self._state)
        self._looked = time.perf_counter()
        if self._still is not None:
            self._still.update({"text/html": self.static_html(), "text/plain": ""}, raw=True)

    def _offers(self) -> dict[str, list[list[str]]]:
        folder = self._panes.kept.folder
        of = offers(self._state, [said for said, _, _ in self._fired], self._panes.table(self._state))
        return of | {"folders": [[folder, folder]]}

    # -- staying readable -----------------------------------------------------------------------------------------

    def close(self) -> None:
        """Stop following the engine."""
        self._unsubscribe()
        self._leave()
        super().close()

    def static_html(self) -> str:
        """The last state as plain HTML, for saved notebooks and exports."""
        code = page(f"<pre class='pe-code'>{data(self.code, 2000, lines=True)}</pre>") if self.code else ""
        triggers = "" if self.pane == "triggers" else looks.triggers_html(self._state)
        parts = [self.clock, self.timeline, code, self.last, triggers, page(f"<b>{self.pane}</b>"), self.body]
        return still_html(self.model_id, self._css, parts)

    def _ipython_display_(self, **_: Any) -> None:
        """Show the widget and, for when no kernel is behind it, its state as plain HTML, which is kept up to date."""
        from IPython.display import display as show

        bundle, metadata = self._repr_mimebundle_()
        show(bundle, metadata=metadata, raw=True)
        self._still = show({"text/html": self.static_html(), "text/plain": ""}, raw=True, display_id=True)
