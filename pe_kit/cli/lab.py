"""``pe-kit lab``: JupyterLab, opened on the tour."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from pe_kit.errors import UsageError
from pe_kit.notebook.runner import notebook_path

__all__ = ["lab"]


def lab(
    context: typer.Context,
    folder: Annotated[
        Path, typer.Option(help="Where the notebook is kept; an existing one is not overwritten.")
    ] = Path("pe-kit-notebooks"),
) -> None:
    """Open JupyterLab on a copy of the tour. Further options go to JupyterLab, for example --no-browser."""
    if importlib.util.find_spec("jupyterlab") is None:
        raise UsageError("JupyterLab is not installed", mend="Install it with: pip install 'pe-kit[lab]'")
    folder.mkdir(parents=True, exist_ok=True)
    tour = folder / "tour.ipynb"
    if not tour.exists():
        shutil.copyfile(notebook_path("tour.ipynb"), tour)
    raise typer.Exit(subprocess.call([sys.executable, "-m", "jupyterlab", str(tour), *context.args]))
