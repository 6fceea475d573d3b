"""The registry knows what plugins there are, who uses them, which version they are and what they need."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from pe_kit.clock import VirtualClock, as_ns
from pe_kit.errors import NotFoundError, PluginError
from pe_kit.plugins.registry import Registry
from pe_kit.plugins.source import PluginFolder

START = as_ns("2026-01-01")
WRITES = "def process_writes(influxdb3_local, table_batches, args=None):\n    pass\n"


class Trigger(NamedTuple):
    name: str
    path: str


@pytest.fixture
def folder(tmp_path: Path) -> PluginFolder:
    return PluginFolder(tmp_path)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(START)


@pytest.fixture
def registry(folder: PluginFolder, clock: VirtualClock) -> Registry:
    return Registry(folder, clock)


def test_the_frame_has_a_row_for_every_plugin(folder: PluginFolder, registry: Registry) -> None:
    folder.write("one.py", WRITES)
    folder.write_directory("reg_pkg", {"__init__.py": "from .inner import process_request\n", "inner.py": ""})
    triggers = [Trigger("t1", "one.py"), Trigger("t2", "reg_pkg/"), Trigger("t3", "./one.py"), Trigger("gone", "no.py")]
    frame = registry.frame(triggers)
    assert list(frame.columns) == ["filename", "kind", "functions", "version", "hash", "triggers", "requirements"]
    assert frame.filename.tolist() == ["one.py", "reg_pkg"]
    assert frame.kind.tolist() == ["file", "directory"]
    assert frame.functions.tolist() == [["process_writes"], ["process_request"]]
    assert frame.triggers.tolist() == [["t1", "t3"], ["t2"]]
    assert frame.version.tolist() == [1, 1]
    assert frame.hash.map(len).tolist() == [64, 64]


def test_an_empty_folder_gives_an_empty_frame(registry: Registry) -> None:
    frame = registry.frame()
    assert len(frame) == 0
    assert frame.version.dtype == "int64"


def test_a_file_of_another_extension_is_known_once_a_trigger_uses_it(folder: PluginFolder, registry: Registry) -> None:
    folder.write("odd.txt", WRITES)
    assert registry.frame().empty
    assert registry.frame([Trigger("t", "odd.txt")]).filename.tolist() == ["odd.txt"]


def test_every_content_that_was_seen_is_a_version(
    folder: PluginFolder, registry: Registry, clock: VirtualClock
) -> None:
    folder.write("one.py", WRITES)
    first = registry.note("one.py")
    assert registry.note("one.py") is first
    clock.move_to(START + 60 * 10**9)
    folder.write("one.py", WRITES + "# more\n")
    second = registry.note("one.py")
    folder.write("one.py", WRITES)
    third = registry.note("./one.py")
    assert [v.number for v in registry.versions("one.py")] == [1, 2, 3]
    assert (third.hash, third.source) == (first.hash, WRITES)
    assert second.time_ns == clock.now_ns
    assert [v.time_ns for v in registry.versions("one.py")] == [START, clock.now_ns, clock.now_ns]


def test_an_unknown_name_is_an_error_with_the_near_match(folder: PluginFolder, registry: Registry) -> None:
    folder.write("one.py", WRITES)
    registry.note("one.py")
    with pytest.raises(NotFoundError, match=r"Did you mean 'one\.py'"):
        registry.versions("oen.py")
    with pytest.raises(PluginError, match="Plugin not found"):
        registry.plugin("oen.py")


def test_imports_that_cannot_be_found_are_requirements(folder: PluginFolder, registry: Registry) -> None:
    code = "import json, no_such_a.sub\nfrom no_such_b import x\nfrom . import y\n"
    code += "try:\n    import no_such_c\nexcept ImportError:\n    no_such_c = None\n"
    code += "def process_writes(a, b, c=None):\n    import no_such_d\n"
    folder.write("one.py", code)
    plugin = registry.plugin("one.py")
    assert [str(need) for need in plugin.missing] == [f"no_such_{x} (not installed)" for x in "abd"]


def test_declared_requirements_are_read_beside_the_plugin(folder: PluginFolder, registry: Registry) -> None:
    folder.write_directory(
        "reg_needs",
        {
            "__init__.py": "import reg_needs.inner\n",
            "inner.py": "",
            "requirements.txt": "# top\npackaging>=20  # there\n-r other.txt\nno-such-thing\n",
            "manifest.toml": '[dependencies]\npython = ["pytest<1", "no-other; python_version < \'3\'"]\n',
        },
    )
    folder.write("team/one.py", WRITES)
    folder.write("team/requirements.txt", "packaging\n")
    folder.write("requirements.txt", "shared-by-all\n")
    folder.write("two.py", WRITES)
    needs = registry.plugin("reg_needs").requirements
    assert [(n.text, n.declared_in, n.installed) for n in needs] == [
        ("packaging>=20", "requirements.txt", True),
        ("no-such-thing", "requirements.txt", False),
        ("pytest<1", "manifest.toml", False),
        ("no-other; python_version < '3'", "manifest.toml", True),
    ]
    assert [str(n) for n in registry.plugin("team/one.py").requirements] == ["packaging"]
    assert registry.plugin("two.py").requirements == ()


def test_the_metadata_of_the_docstring_is_kept(folder: PluginFolder, registry: Registry) -> None:
    folder.write("one.py", '"""\n{"plugin_type": ["onwrite"]}\n"""\n' + WRITES)
    folder.write("two.py", '"""Plain words."""\n' + WRITES)
    assert registry.plugin("one.py").metadata == {"plugin_type": ["onwrite"]}
    assert registry.plugin("two.py").metadata is None


def test_a_plugin_that_does_not_parse_is_listed_without_functions(folder: PluginFolder, registry: Registry) -> None:
    folder.write("bad.py", "def process_writes(:\n")
    assert registry.frame().functions.tolist() == [[]]
