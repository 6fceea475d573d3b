"""A real JupyterLab and a real browser, each started once for all browser tests."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from pe_kit.notebook.runner import notebook_path

REPORTS = Path(__file__).parents[2] / "reports"
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
# All cells stay in the page, whatever is in sight, and JupyterLab asks nothing of the network.
SETTINGS = {
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of this folder, and keep them in one worker so that they share one JupyterLab."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.xdist_group("browser"))


@pytest.fixture(scope="session")
def lab_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that JupyterLab serves, with a copy of the tour."""
    folder = tmp_path_factory.mktemp("lab")
    shutil.copyfile(notebook_path("tour.ipynb"), folder / "tour.ipynb")
    return folder


@pytest.fixture(scope="session")
def lab_url(lab_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a JupyterLab of its own settings listens, without a token."""
    home = tmp_path_factory.mktemp("jupyter")
    for name, values in SETTINGS.items():
        path = home / "settings" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values), encoding="utf-8")
    folders = {"JUPYTER_CONFIG_DIR": "config", "JUPYTER_DATA_DIR": "data", "JUPYTER_RUNTIME_DIR": "runtime"}
    folders |= {
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "IPYTHONDIR": "ipython",
    }
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}"]
    command += ["--IdentityProvider.token=", "--ServerApp.password=", "--LabApp.expose_app_in_browser=True"]
    command += [f"--ServerApp.root_dir={lab_folder}"]
    environment = os.environ | {name: str(home / folder) for name, folder in folders.items()}
    log = home / "log"
    with log.open("w") as errors, subprocess.Popen(command, env=environment, stderr=errors, cwd=home) as server:
        try:
            with httpx.Client(transport=httpx.HTTPTransport(retries=8), timeout=60) as client:  # until it listens
                specs = client.get(f"http://127.0.0.1:{port}/api/kernelspecs").json()
            assert "python3" in specs["kernelspecs"], log.read_text(encoding="utf-8")
            yield f"http://127.0.0.1:{port}/lab"
        finally:
            server.terminate()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Headless Chromium; gone before other tests, as Playwright keeps an event loop running in the thread."""
    chromium = shutil.which("chromium")
    assert chromium is not None, "no chromium on the PATH: make browser installs it"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, headless=True, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """An empty page."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    yield page
    page.close()


class Lab:
    """One notebook open in JupyterLab, as a person handles it."""

    def __init__(self, page: Page, url: str, notebook: str) -> None:
        self.page = page
        self.notebook = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
        page.goto(f"{url}/tree/{notebook}?reset")
        self.wait_until_idle(60)
        self.page.evaluate("() => window.jupyterapp.commands.execute('application:toggle-left-area')")

    def wait_until_idle(self, seconds: float) -> None:
        """Wait until the kernel is there and no cell is waiting or running."""
        idle = "() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
        self.page.wait_for_function(idle, timeout=seconds * 1000)
        waiting = self.notebook.locator(".jp-InputPrompt", has_text="[*]")
        expect(waiting).to_have_count(0, timeout=seconds * 1000)

    def run_all(self, seconds: float = 180) -> None:
        """Choose Run > Run All Cells and wait until all have run."""
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        last = self.notebook.locator(".jp-CodeCell").last.locator(".jp-InputPrompt", has_text=re.compile(r"\[\d+\]"))
        expect(last.or_(self.errors).first).to_be_attached(timeout=seconds * 1000)
        self.wait_until_idle(seconds)

    @property
    def errors(self) -> Locator:
        """Outputs that are errors, and the boxes in which the kit shows one."""
        return self.notebook.locator('[data-mime-type="application/vnd.jupyter.error"]')

    def ask(self, code: str, expression: str = "None") -> str:
        """Run code in the kernel as another cell would; gives the ``repr`` of an expression after it."""
        return str(
            self.page.evaluate(
                """async ([code, expression]) => {
                  const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
                  const asked = { code, user_expressions: { x: expression }, silent: false, store_history: false };
                  const reply = await kernel.requestExecute(asked).done;
                  const found = reply.content.user_expressions?.x;
                  return found?.data?.["text/plain"] ?? `${reply.content.ename}: ${reply.content.evalue}`;
                }""",
                [code, expression],
            )
        )

    def theme(self, name: str) -> None:
        """Change JupyterLab's theme, for example to ``JupyterLab Dark``."""
        self.page.evaluate("name => window.jupyterapp.commands.execute('apputils:change-theme', {theme: name})", name)
        expect(self.page.locator(f'body[data-jp-theme-name="{name}"]')).to_be_attached()

    def picture(self, name: str) -> Path:
        """Save a picture of the whole notebook under reports/screenshots."""
        path = REPORTS / "screenshots" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        panel = self.notebook.locator(".jp-WindowedPanel-outer")
        height = panel.evaluate("panel => panel.scrollHeight")
        before = self.page.viewport_size
        self.page.set_viewport_size({"width": 1280, "height": min(int(height) + 120, 16_000)})
        panel.evaluate("panel => { panel.scrollTop = 0; }")
        expect(self.notebook.locator(".jp-Cell").first).to_be_in_viewport()
        self.page.screenshot(path=path)
        self.page.set_viewport_size(before or {"width": 1280, "height": 900})
        return path


@pytest.fixture(scope="session")
def lab_in(lab_url: str) -> Callable[[Page, str], Lab]:
    """Open a notebook of ``lab_folder`` in JupyterLab, in a page."""
    return lambda page, notebook: Lab(page, lab_url, notebook)


@pytest.fixture
def open_notebook(page: Page, lab_in: Callable[[Page, str], Lab]) -> Callable[[str], Lab]:
    """Open a notebook of ``lab_folder`` in JupyterLab."""
    return lambda notebook: lab_in(page, notebook)
