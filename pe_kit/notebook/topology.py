"""The topology and what was tracked of a run, as pictures."""

from __future__ import annotations

from datetime import datetime
from html import escape

from pe_kit.engine.difference import Difference
from pe_kit.engine.topology import Topology
from pe_kit.engine.track import Tracked
from pe_kit.notebook.html import Cell, Room, cell, data, page, section, table
from pe_kit.notebook.visible import count

__all__ = ["difference_html", "topology_html", "tracked_html"]

_LEGEND = "arrows: fires, writes · dotted: reads · pale: in a plugin's source, not seen yet · dashed: possible loop"
_WIDTH, _HEIGHT, _GAP_X, _GAP_Y, _MOST = 190, 40, 70, 16, 60


def topology_html(graph: Topology) -> str:
    """Draw the graph: columns from what fires to what is written; loops are thick, dashed and named below."""
    nodes = list(dict.fromkeys(n for e in graph.edges for n in (e.source, e.target)))
    if not nodes:
        return page("no triggers yet")
    left_out = max(0, len(nodes) - _MOST)
    columns = _columns(graph, nodes[:_MOST])
    places: dict[str, tuple[int, int]] = {}
    for x, column in enumerate(columns):
        for y, node in enumerate(column):
            places[node] = (10 + x * (_WIDTH + _GAP_X), 10 + y * (_HEIGHT + _GAP_Y))
    width = max(x for x, _ in places.values()) + _WIDTH + 40
    height = max(y for _, y in places.values()) + _HEIGHT + 20
    arrows = "".join(_arrow(places[e.source], places[e.target], e.kind, e.seen, graph.in_loop(e))
                     for e in graph.edges if e.source in places and e.target in places)  # fmt: skip
    boxes = "".join(_box(node, places[node], graph.plugins.get(node, "")) for node in places)
    loops = "".join(
        f'<div class="pe-box pe-warn">⚠ possible feedback loop: {data(" → ".join(loop), 400)}</div>'
        for loop in graph.loops
    )
    more = f'<div class="pe-dim">… {left_out} more nodes: engine.topology().frame</div>' if left_out else ""
    described = "; ".join(f"{e.source} {e.kind} {e.target}" for e in graph.edges[:40])
    svg = (
        f'<svg role="img" aria-label="{escape(described)}" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" style="color:var(--jp-content-font-color1,currentColor);font-size:12px">'
        '<defs><marker id="pe-arrow" viewBox="0 0 8 8" refX="8" refY="4" markerUnits="userSpaceOnUse" '
        'markerWidth="10" markerHeight="10" orient="auto">'
        f'<path d="M0 0L8 4L0 8z" fill="currentColor"/></marker></defs>{arrows}{boxes}</svg>'
    )
    frame = f'<div class="pe-scroll" tabindex="0" role="group" aria-label="topology">{svg}</div>'
    return page(f'{frame}<div class="pe-dim">{_LEGEND}</div>{loops}{more}')


def _columns(graph: Topology, nodes: list[str]) -> list[list[str]]:
    """Longest-path layers over what fires and writes, cycles cut where they close."""
    depth = dict.fromkeys(nodes, 0)
    for _ in range(min(len(nodes), 8)):
        for edge in graph.edges:
            forward = edge.kind != "reads" and not (graph.in_loop(edge) and depth.get(edge.target, 0) > 0)
            if forward and edge.source in depth and edge.target in depth:
                depth[edge.target] = min(8, max(depth[edge.target], depth[edge.source] + 1))
    columns: dict[int, list[str]] = {}
    for node in nodes:
        columns.setdefault(depth[node], []).append(node)
    return [columns[d] for d in sorted(columns)]


def _arrow(start: tuple[int, int], end: tuple[int, int], kind: str, seen: int, loop: bool) -> str:
    back = end[0] <= start[0]
    x1, y1 = start[0] + (0 if back else _WIDTH), start[1] + _HEIGHT // 2 + (8 if back else 0)
    x2, y2 = end[0] + (_WIDTH if back else 0), end[1] + _HEIGHT // 2 + (8 if back else 0)
    bend = -60 if back else 40
    dash = ' stroke-dasharray="2 4"' if kind == "reads" else ' stroke-dasharray="8 4"' if loop else ""
    color = "var(--jp-warn-color1,#f57c00)" if loop else "currentColor"
    opacity = 0.9 if seen or loop else 0.45
    title = f"<title>{escape(kind)}{f', seen {seen} times' if seen else ', only in the source'}</title>"
    return (
        f'<path d="M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}" fill="none" stroke="{color}" '
        f'stroke-width="{3 if loop else 1.5}" opacity="{opacity}" marker-end="url(#pe-arrow)"{dash}>{title}</path>'
    )


def _box(node: str, place: tuple[int, int], plugin: str) -> str:
    kind, _, name = node.partition(" ")
    x, y = place
    round_corners = {"trigger": 18, "table": 2}.get(kind, 8)
    under = plugin or kind
    return (
        f'<g><title>{escape(node)} {escape(plugin)}</title><rect x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" '
        f'rx="{round_corners}" fill="var(--jp-layout-color1,Canvas)" stroke="currentColor"/>'
        f'<text x="{x + 10}" y="{y + 17}" fill="currentColor" font-weight="600">{escape(_cut(name))}</text>'
        f'<text x="{x + 10}" y="{y + 32}" fill="var(--jp-content-font-color2,currentColor)">'
        f"{escape(_cut(under))}</text>"
        "</g>"
    )


def _cut(text: str, limit: int = 25) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def tracked_html(seen: Tracked) -> str:
    """Show the plugin's lines with how often each ran, the profile and the peak of memory."""
    parts = []
    if seen.peak_memory is not None:
        parts.append(f"<div>peak memory: {seen.peak_memory / 1024:,.0f} KiB</div>")
    if seen.line_hits is not None:
        most = max(seen.line_hits.values(), default=1)
        rows = []
        for number, text in enumerate(seen.source[:1000], 1):
            hits = seen.line_hits.get(number, 0)
            bar = "▇" * max(1, round(8 * hits / most)) if hits else ""
            code = Cell(f"<code>{data(text, 160)}</code>")
            rows.append(("", [cell(number), Cell(f"{hits or '–'}", "pe-number"), cell(bar), code]))
        lines = table(["line", "ran", "", "text"], rows, len(seen.source), Room(150_000), ".source")
        parts.append(section("lines", lines))
    if seen.profile_rows:
        listed = [("", [cell(r.function), cell(r.calls), cell(round(r.own * 1e3, 3)), cell(round(r.total * 1e3, 3))])
                  for r in seen.profile_rows[:25]]  # fmt: skip
        columns = ["function", "calls", "own ms", "total ms"]
        parts.append(section("profile", table(columns, listed, len(seen.profile_rows), Room(20_000), ".profile")))
    return page("".join(parts) or "nothing was tracked")


def difference_html(difference: Difference) -> str:
    """Show a difference: one table each for tables, logs and cache; signs and words, not colour alone."""
    if difference.equal:
        return page('<div class="pe-head pe-good">= no difference</div>')
    parts = []
    for name in ("tables", "logs", "cache"):
        frame = getattr(difference, name)
        if not len(frame):
            continue
        signs = {
            "added": ("pe-good", "+ added"),
            "removed": ("pe-bad", "− removed"),
            "changed": ("pe-warn", "~ changed"),
        }
        rows = []
        for row in frame.head(200).itertuples(index=False):
            tone, word = signs[row[0]]
            cells = [cell(str(value) if isinstance(value, datetime) else value) for value in row[1:]]
            rows.append((tone, [cell(word, short=True), *cells]))
        body = table(list(frame.columns), rows, len(frame), Room(50_000), f".{name}")
        parts.append(section(f"{name}: {count(len(frame), 'difference')}", body))
    return page("".join(parts))
