"""``pe-kit lab``: JupyterLab, opened on the tour, with the lessons beside it."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from pe_kit.errors import UsageError
from pe_kit.workshop.copying import lay_out

__all__ = ["lab"]


def lab(
    context: typer.Context,
    folder: Annotated[
        Path, typer.Option(help="Where tour, lessons and exercises are kept; nothing there is overwritten.")
    ] = Path("pe-kit-notebooks"),
) -> None:
    """Open JupyterLab on the tour, with the lessons beside it. Further options go to it, for example --no-browser."""
    if importlib.util.find_spec("jupyterlab") is None:
        raise UsageError("JupyterLab is not installed", mend="Install it with: pip install 'pe-kit[lab]'")
    lay_out(folder)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    command = [sys.executable, "-m", "jupyterlab", "tour.ipynb", *context.args]
    # its terminals open in the folder, and know pe-kit
    raise typer.Exit(subprocess.call(command, cwd=folder, env=os.environ | {"PATH": path}))
