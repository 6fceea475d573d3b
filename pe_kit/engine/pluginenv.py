"""``VIRTUAL_ENV`` names the plugins' own environment while a plugin runs, as it does in the server's process.

Plugins that read a file of arguments find the plugin folder by it, as the parent of ``<plugin-dir>/.venv``
(influxdb3_processing_engine/src/virtualenv.rs). The code around a call keeps what it had.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pe_kit.engine.call import Call
    from pe_kit.plugins.source import PluginFolder

__all__ = ["PluginEnvironment"]

_NAME = "VIRTUAL_ENV"
_lock = threading.Lock()
_shown: list[str] = []  # of the calls under way, the newest last
_before: list[str | None] = []


class PluginEnvironment:
    """Runs the plugin calls of one engine with its environment."""

    def __init__(self, folder: PluginFolder) -> None:
        self._folder = folder
        self._of, self._mine = folder.home, str(folder.home / ".venv")

    def around(self, call: Call, body: Callable[[], Any]) -> Any:
        """Run ``body``, the plugin."""
        if self._folder.home is not self._of:  # a rebuilt past has its files elsewhere
            self._of, self._mine = self._folder.home, str(self._folder.home / ".venv")
        mine = self._mine
        with _lock:
            if not _shown:
                _before[:] = [os.environ.get(_NAME)]
            _shown.append(mine)
            os.environ[_NAME] = mine
        try:
            return body()
        finally:
            with _lock:
                _shown.remove(mine)
                now = _shown[-1] if _shown else _before[0]
                if now is None:
                    os.environ.pop(_NAME, None)
                else:
                    os.environ[_NAME] = now
