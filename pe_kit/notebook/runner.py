"""Run a notebook from top to bottom in a fresh kernel and make a self-contained report of it."""

from __future__ import annotations

import importlib.metadata
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pe_kit.errors import UsageError, near_match

__all__ = ["CellFailure", "Played", "Progress", "Step", "notebook_path", "notebooks", "play", "report_html"]

_PROBE = """\
import json as _json
from pe_kit.cli.caused import caused as _caused
print(_json.dumps(_caused(engine) if "engine" in globals() else []))
"""

# The report is read offline: nothing is fetched, and what needs a script is left out.
_TEMPLATE = """\
{%- extends 'index.html.j2' -%}
{%- block html_head_js_requirejs -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}{%- endblock -%}
{%- block html_head_js_mermaidjs -%}{%- endblock -%}
{%- block jupyter_widgets -%}{%- endblock -%}
{%- block data_widget_view -%}{%- endblock -%}
{%- block extra_css -%}
<style>main { max-width: 1100px; margin: 0 auto; } .highlight pre { white-space: pre-wrap; }</style>{%- endblock -%}
"""


@dataclass(frozen=True, slots=True)
class Step:
    """The code cell that is about to run: its number among ``total`` code cells and the heading above it."""

    number: int
    total: int
    heading: str


Progress = Callable[[Step], None]


@dataclass(frozen=True, slots=True)
class CellFailure:
    """The cell that failed: where it stands, its source and the error as the kernel showed it (with ANSI colours)."""

    step: Step
    source: str
    text: str


@dataclass(frozen=True, slots=True)
class Played:
    """A notebook that was run.

    Attributes:
        notebook: the notebook with its outputs (``nbformat.NotebookNode``).
        cells: how many code cells ran, a failed one included.
        failure: the cell that stopped it, or None.
        caused: one row for each event of the notebook's ``engine`` that fired something, see ``pe_kit.cli.caused``.
    """

    notebook: Any
    cells: int
    failure: CellFailure | None
    caused: list[dict[str, Any]]


def notebooks() -> dict[str, Path]:
    """Give the notebooks of the kit: of the checkout that the package runs from, else those that were installed."""
    checkout = Path(__file__).parents[2] / "notebooks"
    found = {path.name: path for path in checkout.glob("*.ipynb")}
    if not found:
        files = importlib.metadata.files("pe-kit") or []
        found = {file.name: Path(str(file.locate())) for file in files if file.suffix == ".ipynb"}
    return found


def notebook_path(name: str) -> Path:
    """Find a notebook of the kit.

    Raises:
        UsageError: the kit has no such notebook.
    """
    found = notebooks()
    if name not in found:
        raise UsageError(f"there is no notebook {name!r}", mend=near_match(name, found, what="notebooks"))
    return found[name]


def play(path: Path, progress: Progress | None = None, cell_timeout: float = 300) -> Played:
    """Run every code cell of a notebook in a fresh kernel, up to the first that fails. The file is not changed.

    Args:
        path: the notebook.
        progress: called before each code cell.
        cell_timeout: seconds that one cell may take.
    """
    import nbformat
    from nbclient.exceptions import CellControlSignal, CellExecutionError, DeadKernelError

    try:
        notebook = nbformat.read(path, as_version=4)
    except OSError as error:
        raise UsageError(f"cannot read the notebook {path}: {error.strerror}") from None
    steps = dict(_steps(notebook))
    failure, cells, caused = None, 0, []
    with _kernel(notebook, cell_timeout) as client:
        for index, step in steps.items():
            if progress is not None:
                progress(step)
            cells += 1
            try:
                client.execute_cell(notebook.cells[index], index)
            except (CellControlSignal, CellExecutionError, DeadKernelError, TimeoutError) as error:
                text = getattr(error, "traceback", "") or str(error)
                failure = CellFailure(step, notebook.cells[index].source, text)
                break
        else:
            caused = _probe(client, notebook)
    return Played(notebook, cells, failure, caused)


@contextmanager
def _kernel(notebook: Any, cell_timeout: float) -> Iterator[Any]:
    from nbclient import NotebookClient
    from traitlets.config import Config

    with tempfile.TemporaryDirectory(prefix="pe-kit-") as folder:
        resources = {"metadata": {"path": folder}}
        options = {"timeout": cell_timeout, "kernel_name": "python3", "extra_arguments": ["--log-level=ERROR"]}
        config = Config()
        if os.name == "posix":  # a TCP port that was free may be taken when the kernel, a second later, listens
            config.KernelManager.transport = "ipc"
            config.KernelManager.connection_file = str(Path(folder, "kernel.json"))
        client = NotebookClient(notebook, resources=resources, config=config, **options)
        with client.setup_kernel():
            yield client


def _steps(notebook: Any) -> Iterator[tuple[int, Step]]:
    """Give the index of each code cell that has something to run, with its step."""
    code = [i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code" and cell.source.strip()]
    heading = ""
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            titles = [line.lstrip("#").strip() for line in cell.source.splitlines() if line.startswith("#")]
            heading = titles[-1] if titles else heading
        elif index in code:
            yield index, Step(code.index(index) + 1, len(code), heading)


def _probe(client: Any, notebook: Any) -> list[dict[str, Any]]:
    """Ask the notebook's engine what it did, in a cell that does not stay in the notebook."""
    import nbformat

    notebook.cells.append(nbformat.v4.new_code_cell(_PROBE))
    try:
        outputs = client.execute_cell(notebook.cells[-1], len(notebook.cells) - 1, store_history=False).outputs
    finally:
        notebook.cells.pop()
    rows: list[dict[str, Any]] = json.loads("".join(out.text for out in outputs if out.output_type == "stream"))
    return rows


def report_html(notebook: Any, title: str) -> str:
    """Turn a run notebook into one HTML page that needs no network: styles and pictures inside, no scripts."""
    from nbconvert import HTMLExporter
    from traitlets.config import Config

    config = Config()
    config.HighlightMagicsPreprocessor.enabled = True
    config.HighlightMagicsPreprocessor.languages = {"%%plugin": "python", "%%query": "sql"}
    exporter = HTMLExporter(config=config, template_name="lab", raw_template=_TEMPLATE, embed_images=True)
    html, _ = exporter.from_notebook_node(notebook, resources={"metadata": {"name": title}})
    return str(html)
