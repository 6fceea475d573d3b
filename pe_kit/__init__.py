"""A developer kit for the Processing engine of InfluxDB 3: an in-process simulated engine for notebooks and tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pe_kit.engine.engine import Engine
from pe_kit.engine.limits import Limits
from pe_kit.lineprotocol.builder import LineBuilder

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["Engine", "Limits", "LineBuilder", "__version__", "load_ipython_extension"]

__version__ = "0.1.0"


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Register the magics and displays and put an Engine named ``engine`` in the notebook (``%load_ext pe_kit``)."""
    from pe_kit.notebook.extension import load

    load(shell)


def __getattr__(name: str) -> Any:
    if name in {"synth", "fixtures", "testing", "backtest", "errors"}:
        import importlib

        return importlib.import_module(f"pe_kit.{name}")
    raise AttributeError(f"module 'pe_kit' has no attribute {name!r}")
