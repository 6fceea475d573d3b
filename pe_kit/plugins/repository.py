"""Plugins that ``gh:`` paths name: one file of a web server, a folder or a Git repository at a revision.

What was fetched once is kept beside the plugins and used when the repository cannot be reached; a repository that
answers that there is no such file is believed (influxdb3_processing_engine/src/lib.rs, ``read_plugin_code``).
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import urllib.error
import urllib.request
from http.client import responses
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from urllib.parse import quote, unquote, urlsplit

from pe_kit.errors import PluginError, UsageError

__all__ = ["OFFICIAL", "PREFIX", "Fetched", "Repository"]

PREFIX = "gh:"
OFFICIAL = "https://raw.githubusercontent.com/influxdata/influxdb3_plugins/main/"
_NETWORK = "error getting plugin from repository"


class Fetched(NamedTuple):
    """A file of a repository: its text, where the kept copy is, and why it is the copy (empty: it is not)."""

    text: str
    path: Path
    note: str


class Repository:
    """Where ``gh:`` paths lead.

    Args:
        base: an http(s) URL, a folder, or ``git+file:///PATH@REVISION`` (without a revision: HEAD). None:
            ``INFLUXDB3_PLUGIN_REPO`` if set, else the official repository.
        kept: the folder for copies.

    Raises:
        UsageError: another kind of URL.
    """

    def __init__(self, base: str | Path | None, kept: Path) -> None:
        text = str(base or os.environ.get("INFLUXDB3_PLUGIN_REPO") or OFFICIAL)
        scheme = text.partition("://")[0] if "://" in text else ""
        if scheme not in ("", "http", "https", "git+file"):
            raise UsageError(
                f"plugin_repo={text!r}", mend="Give an http(s) URL, a folder, or git+file:///PATH@REVISION."
            )
        self._scheme = scheme
        self.base = text if text.endswith("/") else f"{text}/"
        self._kept = kept / hashlib.sha256(self.base.encode()).hexdigest()[:16]

    def fetch(self, name: str) -> Fetched:
        """Fetch a file; ``name`` is what follows ``gh:``.

        Raises:
            PluginError: there is none, or nothing can be reached and there is no copy; the server's text.
        """
        if ".." in PurePosixPath(name).parts or name.startswith("/"):
            raise PluginError(f"error fetching plugin from repository: 404 Not Found {self.base}{name}")
        copy = self._kept / name
        try:
            text = self._read(name)
        except OSError as error:
            reason = getattr(error, "reason", None) or error.strerror or error
            if not copy.is_file():
                raise PluginError(_NETWORK, mend=f"{self.base}{name}: {reason}") from None
            return Fetched(copy.read_text(encoding="utf-8"), copy, f"{PREFIX}{name} is a copy: {_NETWORK}: {reason}")
        except UnicodeDecodeError:
            raise PluginError(_NETWORK, mend=f"{self.base}{name} is not UTF-8 text.") from None
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(text, encoding="utf-8", newline="")
        return Fetched(text, copy, "")

    def _read(self, name: str) -> str:
        if self._scheme == "git+file":
            return self._of_git(name)
        if self._scheme == "":
            path = Path(self.base) / name
            if not path.is_file():
                raise _refused("404 Not Found", f"{self.base}{name}")
            return path.read_text(encoding="utf-8")
        url = self.base + quote(name)
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return answer.read().decode()  # type: ignore[no-any-return]
        except urllib.error.HTTPError as error:
            with error:
                raise _refused(f"{error.code} {responses.get(error.code, error.reason)}", url) from None

    def _of_git(self, name: str) -> str:
        path, _, revision = unquote(urlsplit(self.base).path).removesuffix("/").partition("@")
        revision = revision or "HEAD"
        git = ("git", "-C", path, "-c", f"safe.directory={path}")
        done = subprocess.run(
            [*git, "show", "--end-of-options", f"{revision}:{name}"], capture_output=True, check=False, timeout=60
        )
        if done.returncode != 0:
            said = done.stderr.decode("utf-8", "replace").strip()
            if "does not exist in" in said or "exists on disk, but not in" in said:
                raise _refused("404 Not Found", f"{self.base}{name}")
            raise OSError(0, said.splitlines()[-1] if said else "git failed")
        return done.stdout.decode()


def _refused(status: str, url: str) -> PluginError:
    return PluginError(
        f"error fetching plugin from repository: {status} {url}",
        mend="`gh:` names one file of the repository, such as gh:examples/wal_plugin/wal_plugin.py.",
    )
