"""The dev container and Binder install what the lessons need, from the repository as it is."""

from __future__ import annotations

import json
import os
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]


def test_the_dev_container_installs_the_project_and_opens_the_first_lesson() -> None:
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
    assert _extras(container["postCreateCommand"]) >= {"lab", "server"}
    assert all((ROOT / name).exists() for name in container["customizations"]["codespaces"]["openFiles"])


def test_binder_installs_the_project_in_python_3_11() -> None:
    build = ROOT / "binder" / "postBuild"
    assert os.access(build, os.X_OK)
    assert _extras(build.read_text(encoding="utf-8")) >= {"lab", "server"}
    assert (ROOT / "binder" / "runtime.txt").read_text(encoding="utf-8").strip() == "python-3.11"


def _extras(command: str) -> set[str]:
    """The extras of the project that a command installs; all of them are there."""
    found = re.search(r"pip install .*'\.\[([a-z,]+)\]'", command)
    assert found is not None
    names = set(found[1].split(","))
    assert names <= EXTRAS.keys()
    return names
