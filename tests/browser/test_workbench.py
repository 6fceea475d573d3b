"""The workbench in a real JupyterLab, in a real browser, used as a person uses it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import axe_playwright_python
import nbformat
import pytest
from nbconvert import HTMLExporter
from playwright.sync_api import Browser, Locator, Page, expect

REPORTS = Path(__file__).parents[2] / "reports" / "screenshots"
AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text("utf-8")
THEMES = ("JupyterLab Light", "JupyterLab Dark", "JupyterLab Dark High Contrast")
LOOKS = ("Triggers", "Runs", "Logs", "Cache", "Tables", "Fixtures", "Topology")
PLUGIN = """
def process_writes(l, batches, args=None):
    n = l.cache.get("n", 0) + 1
    l.cache.put("n", n, ttl=3600)
    l.warn("seen", n)
    for batch in batches:
        if batch["table_name"] == "m":
            l.write(LineBuilder("copies").int64_field("n", n))

def process_scheduled_call(l, t, args=None):
    l.info("called", t)

def process_request(l, query, headers, body, args=None):
    return {"query": query, "body": body.decode()}
"""
SETUP = f"""
import os, pathlib, shutil
os.environ.pop("CI", None)  # where nothing is accepted
from pe_kit import Engine
session = globals().get("session", 0) + 1
for folder in ("fixtures", "plugins"):
    shutil.rmtree(folder, ignore_errors=True)
    pathlib.Path(folder).mkdir()
engine = Engine(start="2026-01-01T00:00:00Z", plugin_dir="plugins")
engine.create_database("db")
engine.write_plugin("p.py", {PLUGIN!r})
for name, spec in (("w", "all_tables"), ("s", "every:1h"), ("r", "request:ask")):
    engine.create_trigger(name, db="db", path="p.py", spec=spec)
engine.write("m,host=a f=1 1767225600", "db")
"""


class Bench:
    """The workbench of a session that has just begun."""

    def __init__(self, lab: Any, folder: Path) -> None:
        self.lab = lab
        self.folder = folder
        self.page: Page = lab.page
        self.root: Locator = lab.notebook.locator(".pe-bench")
        self.code = self.root.locator("[data-code=code]")
        self.last = self.root.locator("[data-part=last]")
        self.body = self.root.locator("[data-part=body]")
        self.status = self.root.get_by_role("status")

    def press(self, name: str, within: Locator | None = None) -> None:
        (within or self.root).get_by_role("button", name=name, exact=True).click()

    def tab(self, name: str) -> Locator:
        """Choose a tab; gives its panel."""
        self.root.get_by_role("tab", name=name, exact=True).click()
        return self.root.get_by_role("tabpanel", name=name, exact=True)

    def events(self) -> list[str]:
        """What was asked of the engine since the session began, once everything that was pressed is done."""
        return eval(self.lab.ask("", "[e.kind for e in engine.history[6:]]"))

    def checked(self) -> list[str]:
        """What axe-core finds wrong with the workbench."""
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(AXE)
        # JupyterLab's body has no height, which axe-core takes for hidden: it would look at nothing
        self.page.evaluate("document.body.style.height = '100vh'")
        found = self.page.evaluate("axe.run('.pe-bench', { resultTypes: ['violations', 'passes'] })")
        contrasts = [n for rule in found["passes"] if rule["id"] == "color-contrast" for n in rule["nodes"]]
        measured = [n for n in contrasts if n["any"] and (n["any"][0]["data"] or {}).get("contrastRatio")]
        assert len(measured) > 30, "axe-core has seen no text"
        wrong = [(v["id"], node) for v in found["violations"] for node in v["nodes"]]
        return [f"{rule}: {node['html']}: {node['failureSummary']}" for rule, node in wrong]


@pytest.fixture(scope="module")
def opened(browser: Browser, lab_in: Callable[[Page, str], Any], lab_folder: Path) -> Iterator[Any]:
    """One notebook with a workbench, open for all tests; what it asks of the network is remembered."""
    cells = [nbformat.v4.new_code_cell(source) for source in (SETUP, 'print("session", session)\nengine.workbench()')]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), lab_folder / "workbench.ipynb")
    page = browser.new_page(viewport={"width": 1280, "height": 1900})
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.set_default_timeout(60_000)
    expect.set_options(timeout=60_000)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    lab = lab_in(page, "workbench.ipynb")
    lab.asked, lab.sessions = asked, 0
    yield lab
    page.close()


@pytest.fixture
def bench(opened: Any, lab_folder: Path) -> Bench:
    """A workbench on a new engine with one write behind it."""
    opened.sessions += 1
    opened.theme(THEMES[0])
    opened.run_all()
    expect(opened.notebook.get_by_text(f"session {opened.sessions}", exact=True)).to_be_visible()
    made = Bench(opened, lab_folder)
    expect(made.body).to_contain_text("✔ running")
    return made


def test_each_kind_of_event_is_composed_and_fired(bench: Bench) -> None:
    form = bench.tab("Write")
    lines = form.get_by_label("lines")
    lines.click()
    bench.page.keyboard.type("m,host=b f=")
    expect(form).to_contain_text("1 bad")
    bench.page.keyboard.type("2.5 1767225601")
    expect(form).to_contain_text("✔ 1 good")
    bench.press("Write", form)
    expect(bench.code).to_have_text("engine.write('m,host=b f=2.5 1767225601', 'db')")
    expect(bench.last).to_contain_text("seen 3")

    form = bench.tab("Signal")
    form.get_by_label("template").select_option("a day's temperature")
    expect(form.get_by_label("signal", exact=True)).to_have_value("sine('1d', 4) + noise(0.3) + 21")
    expect(form.locator("svg")).to_be_visible()
    form.get_by_label("points").fill("10")
    bench.press("Write signal", form)
    expect(bench.code).to_contain_text("from pe_kit.synth import noise, series, sine")
    expect(bench.status).to_contain_text("done")

    form = bench.tab("Schedule")
    form.get_by_label("at", exact=True).fill("2020-01-01T00:00:00Z")
    bench.press("Call", form)
    expect(bench.last).to_contain_text("called 2020-01-01")
    bench.press("Next 5", form)
    expect(bench.code).to_have_text("engine.advance_to('2026-01-01T05:00:00Z')")

    form = bench.tab("Request")
    expect(form.get_by_label("path")).to_have_value("ask")
    form.get_by_label("params").fill('{"room": "kitchen"}')
    form.get_by_label("body").fill("hello")
    bench.press("Send", form)
    expect(bench.last).to_contain_text("response 200")
    expect(bench.last).to_contain_text('"body": "hello"')

    again = bench.root.get_by_label("fired before")
    again.select_option(label="call('s', 'db', at='2020-01-01T00:00:00Z')")
    form = bench.root.get_by_role("tabpanel", name="Schedule", exact=True)
    form.get_by_label("at", exact=True).fill("2021-01-01T00:00:00Z")
    bench.press("Call", form)
    expect(bench.last).to_contain_text("called 2021-01-01")
    assert bench.events() == ["write", "write", "call", "advance_to", "request", "call"]


def test_time_is_stepped_and_the_past_is_looked_at(bench: Bench) -> None:
    bench.press("Step")
    expect(bench.root.get_by_role("group", name="clock")).to_contain_text("2026-01-01T01:00:00Z")
    bench.root.get_by_label("by", exact=True).fill("1h")
    bench.press("Advance")
    bench.root.get_by_label("to", exact=True).fill("2026-01-01T04:00:00Z")
    bench.press("Run to")
    expect(bench.code).to_have_text("engine.advance_to('2026-01-01T04:00:00Z')")
    timeline = bench.root.get_by_role("group", name="timeline")
    timeline.get_by_role("button", name=re.compile("schedule at 2026-01-01T02:00:00Z")).click()
    expect(bench.last).to_contain_text("called 2026-01-01")
    timeline.get_by_role("button", name=re.compile("^event 6: write")).click()
    expect(bench.code).to_have_text("engine.at(6)")
    past = bench.root.get_by_role("group", name="past")
    expect(past).to_contain_text("as it was after event 6 of 9")
    slider = past.get_by_role("slider", name="event")
    slider.press("ArrowLeft")
    expect(past).to_contain_text("as it was after event 5 of 9")
    bench.tab("Tables")
    expect(bench.body).to_contain_text("no tables yet")
    bench.press("Now", past)
    expect(bench.body).to_contain_text("rows 1 to 1 of 1")


def test_runs_are_a_tree_that_can_be_unfolded_and_chosen(bench: Bench) -> None:
    bench.tab("Runs")
    fired = bench.body.get_by_text("fired 1 run")
    below = bench.body.get_by_role("button", name=re.compile("copies"))
    expect(below).to_be_visible()
    fired.click()
    expect(below).to_be_hidden()
    bench.lab.ask("engine.write('other f=1', 'db')")
    expect(bench.body.get_by_role("button", name=re.compile("other"))).to_be_visible()
    expect(below).to_be_hidden()  # what was folded stays so when something happens
    fired.click()
    below.click()
    expect(bench.last).to_contain_text("seen 2")
    expect(bench.code).to_have_text("engine.runs[-2]")


def test_the_cache_is_inspected_edited_and_emptied(bench: Bench) -> None:
    form = bench.tab("Cache")
    expect(bench.body).to_contain_text("in 3,600 s")
    bench.press("Edit n", form)
    expect(form.get_by_label("value")).to_have_value("2")
    form.get_by_label("value").fill("[41] * 40")
    bench.press("Put", form)
    expect(bench.code).to_contain_text("engine.put_cached('n', '[41] * 40', trigger='w', db='db', ttl=3600.0)")
    form.get_by_label("value").fill(str([41] * 40))
    bench.press("Put", form)
    bench.body.locator("summary", has_text="[41, 41").click()
    expect(bench.body.locator("pre")).to_be_visible()
    bench.press("Delete n", form)
    expect(bench.body).to_have_text("the cache is empty")
    assert bench.lab.ask("", "len(engine.cache)") == "0"


def test_a_fixture_is_frozen_and_a_difference_accepted(bench: Bench) -> None:
    form = bench.tab("Fixtures")
    form.get_by_label("name").fill("first")
    bench.press("Freeze", form)
    expect(bench.body).to_contain_text("first")
    bench.press("Replay first", form)
    expect(bench.body).to_contain_text("✔ ok")
    (bench.folder / "plugins" / "p.py").write_text(PLUGIN.replace('"seen"', '"noticed"'))
    bench.press("Replay first", form)
    expect(bench.body).to_contain_text("⚠ pending")
    expect(bench.body).to_contain_text("noticed 1")
    assert bench.checked() == []
    bench.root.screenshot(path=REPORTS / "workbench-differences.png")
    form.get_by_label("row 1", exact=True).uncheck()
    bench.press("Accept the ticked rows of first", form)
    expect(bench.code).to_contain_text("%pe accept first --rows ")
    expect(bench.body).to_contain_text("⚠ pending")
    bench.press("Accept the ticked rows of first", form)
    expect(bench.code).to_have_text("%pe accept first")
    bench.press("Replay first", form)
    expect(bench.body).to_contain_text("✔ ok")
    assert "noticed 1" in (bench.folder / "fixtures" / "first" / "expected" / "logs.jsonl").read_text()


def test_tables_are_paged_and_charted(bench: Bench) -> None:
    bench.lab.ask("engine.load([f'big,host=h{i % 2} f={i} {1767225600 + i}' for i in range(120)], 'db')")
    form = bench.tab("Tables")
    form.get_by_role("combobox", name="table").select_option("db.big")
    bench.press("next page", form)
    expect(bench.body).to_contain_text("rows 51 to 100 of 120")
    expect(form.get_by_label("page", exact=True)).to_have_value("2")
    form.get_by_label("field").select_option("f")
    bench.press("Chart", form)
    expect(form.get_by_role("img", name=re.compile("over time"))).to_be_visible()
    bench.press("Copy")
    copied = bench.page.evaluate("navigator.clipboard.readText()")
    assert copied == bench.code.inner_text()
    assert "Chart" in bench.lab.ask("", f"type({copied}).__name__")


def test_what_is_pressed_while_a_long_advance_runs_is_neither_lost_nor_doubled(bench: Bench) -> None:
    bench.root.get_by_label("by", exact=True).fill("1000d")
    bench.press("Advance")
    form = bench.tab("Write")
    form.get_by_label("lines").click()
    bench.page.keyboard.type("m,host=c f=1 1767225602")
    form.get_by_role("button", name="Write", exact=True).dblclick()
    bench.page.keyboard.press("Enter")
    form.get_by_label("lines").fill("m,host=d f=1 1767225602")
    bench.press("Write", form)
    bench.press("Step")
    expect(bench.code).to_have_text("engine.step()")
    assert bench.events() == ["advance_to", "write", "write", "write", "write", "step"]
    assert (
        bench.lab.ask("", "[e.data['data'][7] for e in engine.history if e.kind == 'write'][1:]")
        == "['c', 'c', 'c', 'd']"
    )


def test_a_long_advance_says_how_far_it_is_and_can_be_interrupted(bench: Bench) -> None:
    bench.root.get_by_label("by", exact=True).fill("50000d")
    bench.press("Advance")
    expect(bench.status).to_contain_text("interrupt the kernel to stop")
    bench.page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.interrupt()")
    expect(bench.status).to_have_text("■ interrupted")
    expect(bench.last).to_contain_text("the engine can be used further")
    bench.press("Step")
    expect(bench.status).to_contain_text("✔ done")
    assert bench.events() == ["advance_to", "step"]


def test_a_write_in_another_cell_shows_at_once(bench: Bench) -> None:
    bench.tab("Logs")
    bench.lab.ask("for i in range(500): engine.write('n f=1', 'db')")
    expect(bench.body).to_contain_text("seen 502")
    expect(bench.root.get_by_role("slider", name="event")).to_have_value("506")


def test_it_is_worked_by_keyboard_alone_with_the_focus_in_sight(bench: Bench) -> None:
    keys = bench.page.keyboard
    bench.root.get_by_role("button", name="Step", exact=True).focus()
    keys.press("Enter")
    expect(bench.code).to_have_text("engine.step()")
    keys.press("b")
    expect(bench.lab.notebook.locator(".jp-CodeCell")).to_have_count(2)  # JupyterLab's key for a new cell
    reached = []
    focused = """() => { const e = document.activeElement; const s = getComputedStyle(e);
      return [!!e.closest('.pe-bench'), e.name || e.textContent.slice(0, 20).trim(),
              s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2 && e.getClientRects().length > 0]; }"""
    inside, name, seen = True, "Step", True
    while inside:
        assert seen, f"the focus on {name} is not visible"
        reached.append(name)
        keys.press("Tab")
        inside, name, seen = bench.page.evaluate(focused)
    assert reached[:6] == ["Step", "duration", "Advance", "t", "Run to", "Flush"]
    assert {"n", "Now", "Write", "lines", "no_sync", "again", "Copy", "Triggers", "Disable"} <= set(reached)

    bench.root.get_by_role("tab", name="Write", exact=True).focus()
    keys.press("ArrowRight")
    expect(bench.root.get_by_role("tab", name="Signal", exact=True)).to_be_focused()
    expect(bench.root.get_by_role("tabpanel", name="Signal", exact=True)).to_be_visible()
    keys.press("ArrowLeft")
    keys.press("Tab")
    bench.root.get_by_label("lines").focus()
    keys.type("m,host=k f=1 1767225603")
    keys.press("Control+Enter")
    expect(bench.code).to_have_text("engine.write('m,host=k f=1 1767225603', 'db')")
    bench.root.get_by_role("tab", name="Triggers", exact=True).focus()
    keys.press("End")
    expect(bench.root.get_by_role("tabpanel", name="Topology", exact=True)).to_be_visible()
    for _ in range(6):
        keys.press("ArrowLeft")
    disable = bench.body.get_by_role("button", name="Disable db.w", exact=True)
    disable.focus()
    keys.press("Space")
    expect(bench.body).to_contain_text("⏸ disabled")
    expect(bench.root.get_by_role("tabpanel", name="Triggers", exact=True)).to_be_focused()
    bench.root.get_by_role("group", name="timeline").locator("button[tabindex='0']").focus()
    keys.press("ArrowLeft")
    expect(bench.root.locator(".pe-timeline button:focus")).to_have_count(1)
    keys.press("Enter")
    expect(bench.last).to_contain_text("run")


@pytest.mark.parametrize("theme", THEMES)
def test_axe_finds_nothing_in_any_pane_of_any_theme(bench: Bench, theme: str) -> None:
    bench.lab.theme(theme)
    bench.lab.ask(
        "engine.write_plugin('bad.py', 'def process_writes(l, b, a=None): raise ValueError(\"no\")')\n"
        "engine.create_trigger('bad', db='db', path='bad.py', spec='table:m')\n"
        "engine.write('m,host=a f=2 1767225600', 'db'); engine.request('ask'); engine.advance('2h'); engine.freeze('one')"
    )
    name = theme.removeprefix("JupyterLab ").lower().replace(" ", "-")
    composing = ("Write", "Signal", "Schedule", "Request")
    found: list[str] = []
    for number, pane in enumerate(LOOKS):
        if number < len(composing):
            bench.tab(composing[number])
        form = bench.tab(pane)
        if pane == "Tables":
            bench.press("Chart", form)
            expect(form.get_by_role("img", name=re.compile("over time"))).to_be_visible()
        if pane == "Runs":
            form.get_by_role("button", name=re.compile("bad")).first.click()
            expect(bench.last).to_contain_text("ValueError")
        expect(bench.body).not_to_have_text("…")
        found += [f"{pane}: {said}" for said in bench.checked()]
        REPORTS.mkdir(parents=True, exist_ok=True)
        bench.root.screenshot(path=REPORTS / f"workbench-{name}-{pane.lower()}.png")
    assert found == []


def test_text_from_data_is_never_markup(bench: Bench) -> None:
    hostile = "<img src=x onerror=window.struck=1><script>window.struck=2</script>\u202e\x1b[31m"
    form = bench.tab("Write")
    form.get_by_label("lines").fill(f'm,host=x s="{hostile}" 1767225605')
    bench.press("Write", form)
    expect(bench.status).to_contain_text("done")
    bench.lab.ask(f"engine.put_cached({hostile!r}, {hostile!r}); engine.put_cached('long', 'x' * 2**20)")
    for pane in LOOKS:
        bench.tab(pane)
        expect(bench.body).not_to_have_text("…")
        if pane == "Cache":
            expect(bench.body).to_contain_text("onerror=window.struck")
            expect(bench.body).to_contain_text("characters)")
    bench.root.get_by_text("The whole session as Python").click()
    expect(bench.root.locator("[data-code=session]")).to_contain_text("<script>")
    assert bench.page.evaluate("window.struck") is None


def test_a_saved_notebook_and_its_export_show_the_last_state(bench: Bench, page: Page, tmp_path: Path) -> None:
    bench.lab.ask("engine.write('m,host=z f=7 1767225609', 'db')")
    form = bench.tab("Write")
    form.get_by_label("lines").fill("m,host=y f=8 1767225610")
    bench.press("Write", form)
    expect(bench.last).to_contain_text("seen 5")
    still = bench.lab.notebook.locator(".pe-still")
    expect(still).to_have_count(1)
    expect(still).to_be_hidden()
    bench.lab.page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
    html, _ = HTMLExporter().from_filename(str(bench.folder / "workbench.ipynb"))
    (tmp_path / "export.html").write_text(html, encoding="utf-8")
    page.route(re.compile("^https?:"), lambda route: route.abort())
    page.goto((tmp_path / "export.html").as_uri())
    shown = page.locator(".pe-still")
    expect(shown).to_be_visible()
    expect(shown).to_contain_text("the workbench as it was")
    expect(shown).to_contain_text("seen 5")
    expect(shown).to_contain_text("engine.write('m,host=y f=8 1767225610', 'db')")
    expect(shown.get_by_role("button")).to_have_count(0)
    shown.screenshot(path=REPORTS / "workbench-export.png")


def test_nothing_is_asked_of_the_network(bench: Bench) -> None:
    foreign = {url for url in bench.lab.asked if not re.match(r"(https?|wss?)://127\.0\.0\.1[:/]|data:|blob:", url)}
    assert foreign == set()


def test_after_a_restart_of_the_kernel_it_says_that_it_is_not_connected(bench: Bench) -> None:
    gone = bench.root.locator("[role=alert]")
    expect(gone).to_be_hidden()
    bench.page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    expect(gone).to_be_visible()
    expect(gone).to_contain_text("No longer connected")
    bench.root.screenshot(path=REPORTS / "workbench-disconnected.png")
    bench.lab.wait_until_idle(60)
    bench.lab.sessions = 0
