"""Compose and fire: a write with live checks, a schedule now or at a chosen time, a request."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import ipywidgets as w

from pe_kit.errors import PeKitError
from pe_kit.lineprotocol.grammar import parse
from pe_kit.notebook.html import data, page
from pe_kit.notebook.workbench.code import call_text

if TYPE_CHECKING:
    from pe_kit.engine.engine import Engine

__all__ = ["Compose", "check_lines"]

Fire = Callable[[str, tuple[Any, ...], dict[str, Any]], None]
WIDE = w.Layout(width="98%")
_CHECKED = 200  # lines


def check_lines(text: str) -> str:
    """Say for each line of line protocol whether the grammar takes it; with the column where it does not."""
    good, bad, total = 0, [], 0
    for item in parse(text):
        total += 1
        if total > _CHECKED:
            break
        if item.error is None:
            good += 1
        else:
            bad.append(f"line {item.number}, column {item.error.offset + 1}: {item.error.message}")
    if not total:
        return page('<span class="pe-dim">type line protocol: table,tag=value field=1.5 1767225600</span>')
    head = f"✔ {good} good" if not bad else f"✔ {good} good · ✘ {len(bad)} bad"
    return page(f"<div>{head}</div>" + "".join(f'<div class="pe-box pe-bad">✘ {data(b, 300)}</div>' for b in bad[:5]))


class Compose:
    """Three forms; each fires through ``fire(method, args, options)``."""

    def __init__(self, engine: Engine, fire: Fire) -> None:
        self.engine = engine
        self._fire = fire
        self.database = w.Combobox(description="database", placeholder="db", ensure_option=False)
        self.lines = w.Textarea(
            description="lines", placeholder="cpu,host=a usage=0.5", rows=5, continuous_update=True, layout=WIDE
        )
        self.state = w.HTML(check_lines(""))
        self.no_sync = w.Checkbox(description="no_sync: leave it in the WAL buffer", indent=False)
        self.write = w.Button(description="Write", button_style="primary", tooltip="write the lines")
        self.trigger = w.Dropdown(description="trigger", options=[])
        self.at = w.Text(description="at", placeholder="now, or 2026-01-01T06:00:00Z")
        self.call = w.Button(description="Call", button_style="primary", tooltip="fire the schedule trigger")
        self.path = w.Combobox(description="path", placeholder="request path", ensure_option=False)
        self.method = w.Dropdown(description="method", options=["POST", "GET"])
        self.params = w.Text(description="params", placeholder='{"room": "kitchen"}', layout=WIDE)
        self.headers = w.Text(description="headers", placeholder='{"x-token": "..."}', layout=WIDE)
        self.body = w.Textarea(description="body", rows=3, layout=WIDE)
        self.request = w.Button(description="Send", button_style="primary", tooltip="send the request")
        self.lines.observe(self._check, "value")
        self.write.on_click(self._write)
        self.call.on_click(self._call)
        self.request.on_click(self._request)
        forms = [
            w.VBox([self.database, self.lines, self.state, w.HBox([self.write, self.no_sync])]),
            w.VBox([self.trigger, self.at, self.call]),
            w.VBox([w.HBox([self.path, self.method]), self.params, self.headers, self.body, self.request]),
        ]
        self.widget = w.Tab(forms, titles=("Write", "Schedule", "Request"))

    def refresh(self) -> None:
        """Offer the databases, triggers and paths that there are."""
        runtime = self.engine._runtime
        names = [n for n in self.engine.store.database_names() if n != "_internal"]
        self.database.options = names
        if not self.database.value and names:
            self.database.value = names[0]
        schedules = [(f"{t.database}.{t.name}", t.key) for t in runtime.triggers if t.kind == "schedule"]
        if tuple(self.trigger.options) != tuple(schedules):
            self.trigger.options = schedules
        self.path.options = list(runtime.triggers.routes)

    def load(self, method: str, args: tuple[Any, ...], options: dict[str, Any]) -> None:
        """Put an event that was fired back into its form, to fire it again with a change."""
        if method == "write":
            self.lines.value, self.database.value = args
            self.no_sync.value = options.get("no_sync", False)
        elif method == "call":
            self.at.value = str(options.get("at", ""))
        elif method == "request":
            self.path.value, self.method.value = args[0], options.get("method", "POST")
            self.params.value = json.dumps(options["params"]) if options.get("params") else ""
            self.headers.value = json.dumps(options["headers"]) if options.get("headers") else ""
            self.body.value = options.get("body", "")
        self.widget.selected_index = {"write": 0, "call": 1, "request": 2}.get(method, 0)

    def _check(self, change: dict[str, Any]) -> None:
        self.state.value = check_lines(change["new"])

    def _write(self, _: w.Button) -> None:
        self._fire("write", (self.lines.value, self.database.value), {"no_sync": True} if self.no_sync.value else {})

    def _call(self, _: w.Button) -> None:
        if self.trigger.value is not None:
            database, name = self.trigger.value
            self._fire("call", (name, database), {"at": self.at.value} if self.at.value.strip() else {})

    def _request(self, _: w.Button) -> None:
        options: dict[str, Any] = {"method": self.method.value} if self.method.value != "POST" else {}
        for name, field in (("params", self.params), ("headers", self.headers)):
            if field.value.strip():
                try:
                    options[name] = json.loads(field.value)
                except ValueError as error:
                    self.state.value = page(
                        f'<div class="pe-box pe-bad">✘ {name} is no JSON: {data(str(error), 200)}</div>'
                    )
                    self.widget.selected_index = 0
                    return
        if self.body.value:
            options["body"] = self.body.value
        self._fire("request", (self.path.value,), options)


def fired_text(method: str, args: tuple[Any, ...], options: dict[str, Any], variable: str) -> str:
    """The line of Python of an event that was fired."""
    return call_text(variable, method, *args, **options)


def refused(error: PeKitError) -> str:
    """An error of the kit as HTML."""
    from pe_kit.notebook.display import error_html

    return error_html(error)
