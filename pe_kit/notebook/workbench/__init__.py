"""The workbench: compose an event, fire it, see what happened; a click shows the Python line that does the same."""

from __future__ import annotations

from pe_kit.notebook.workbench.bench import Workbench

__all__ = ["Workbench"]
