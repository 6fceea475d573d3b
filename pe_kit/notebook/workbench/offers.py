"""What the lists of the forms offer, and what is due next."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from pe_kit.clock import as_text
from pe_kit.notebook.html import data, page
from pe_kit.notebook.visible import visible
from pe_kit.notebook.workbench.compose import TEMPLATES
from pe_kit.notebook.workbench.rows import drawable

if TYPE_CHECKING:
    from pe_kit.engine.engine import Engine
    from pe_kit.store.table import Table

__all__ = ["offers", "upcoming_html"]

_MOST = 500


def offers(state: Engine, fired: Sequence[str], table: Table | None) -> dict[str, list[list[str]]]:
    """List name -> pairs of what is read and what it means; names of triggers and tables mean ``[database, name]``.

    Args:
        state: whose databases, triggers and tables they are.
        fired: what was fired before, oldest first.
        table: whose fields are offered.
    """
    runtime = state._runtime
    store = runtime.store
    triggers = list(runtime.triggers)[:_MOST]
    databases = [name for name in store.database_names() if name != "_internal"]
    named = [(f"{t.database}.{t.name}", json.dumps([t.database, t.name]), t.kind) for t in triggers]
    offered: dict[str, Iterable[tuple[str, Any]]] = {
        "databases": [(name, name) for name in databases],
        "schedules": [(name, value) for name, value, kind in named if kind == "schedule"],
        "paths": [(path, path) for path in runtime.triggers.routes],
        "triggers": [("all", ""), *((name, name) for name, _, _ in named)],
        "scopes": [("global", "[null, null]"), *((name, value) for name, value, _ in named)],
        "tables": [(f"{d}.{n}", json.dumps([d, n])) for d in databases for n in store.table_names(d)[:_MOST]],
        "fields": [("all numbers", ""), *((name, name) for name in (drawable(table) if table else ()))],
        "again": [("choose an event", ""), *((said, place) for place, said in enumerate(reversed(fired), 1))],
    }
    offered |= {f"{form} templates": [("choose", ""), *((n, n) for n in of)] for form, of in TEMPLATES.items()}
    return {name: [[visible(label, 100), str(value)] for label, value in pairs] for name, pairs in offered.items()}


def upcoming_html(engine: Engine) -> str:
    """What fires next; a day is named once."""
    said, day = [], ""
    frame = engine.next_events(5)
    for at, kind, name in zip(frame["time"], frame["kind"], frame["trigger_name"], strict=True):
        time = as_text(int(at.value))
        said.append(f"{time.removeprefix(day)} {visible(name, 60) if isinstance(name, str) else kind}")
        day = f"{time.partition('T')[0]}T"
    return page(f"next: {data(' · '.join(said), 600)}" if said else "nothing is due")
