"""Plugins are found and loaded as in influxdb3_processing_engine/src/lib.rs and influxdb3_py_api/src/system_py.rs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pe_kit.errors import PluginError, UsageError
from pe_kit.plugins.source import PluginFolder

WRITES = "def process_writes(influxdb3_local, table_batches, args=None):\n    return 'v1'\n"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[PluginFolder]:
    made = PluginFolder(tmp_path / "plugins")
    yield made
    made.forget_modules()


def call(folder: PluginFolder, filename: str, entry: str = "process_writes") -> Any:
    return folder.resolve(filename).snapshot().load(entry)(None, [])


def message(caught: pytest.ExceptionInfo[PluginError]) -> str:
    return caught.value.message


def test_a_file_is_found_and_loaded(folder: PluginFolder) -> None:
    folder.write("team/one.py", WRITES)
    source = folder.find("team/one.py")
    assert (source.kind, source.code(), source.snapshot().functions) == ("file", WRITES, ("process_writes",))
    assert call(folder, "team/one.py") == "v1"


def test_any_extension_is_accepted(folder: PluginFolder) -> None:
    folder.write("plugin.txt", WRITES)
    assert call(folder, "plugin.txt") == "v1"


def test_a_missing_plugin_names_its_path_and_the_near_match(folder: PluginFolder) -> None:
    folder.write("downsample.py", WRITES)
    with pytest.raises(PluginError) as caught:
        folder.resolve("downsampel.py")
    assert message(caught) == f"reading plugin file: Plugin not found: {folder.path / 'downsampel.py'}"
    assert (caught.value.status, caught.value.mend) == (500, "Did you mean 'downsample.py'?")


def test_a_folder_without_init_is_refused(folder: PluginFolder) -> None:
    folder.write("pkg_a/main.py", WRITES)
    with pytest.raises(PluginError) as caught:
        folder.find("pkg_a/")
    assert message(caught) == (
        f"reading plugin file: Multi-file plugin directory must contain __init__.py: {folder.path / 'pkg_a'}"
    )


@pytest.mark.parametrize(
    "name", ["../x.py", "a/../../x.py", "a/..", "/etc/passwd", "C:\\x.py", "C:x.py", "..\\x.py", "\\x"]
)
def test_names_that_lead_out_are_refused(folder: PluginFolder, name: str) -> None:
    text = f"Path traversal detected: plugin filename '{name}' attempts to access files outside the plugin directory"
    for act in (lambda: folder.find(name), lambda: folder.write(name, ""), lambda: folder.write_directory(name, {})):
        with pytest.raises(PluginError) as caught:
            act()
        assert message(caught) == text


def test_a_symlink_that_leads_out_is_refused_and_one_that_stays_is_not(folder: PluginFolder, tmp_path: Path) -> None:
    (tmp_path / "secret.py").write_text(WRITES)
    (folder.path / "link.py").symlink_to(tmp_path / "secret.py")
    (folder.path / "outside").symlink_to(tmp_path)
    folder.write("real.py", WRITES)
    (folder.path / "inside.py").symlink_to(folder.path / "real.py")
    for name in ("link.py", "outside/secret.py"):
        with pytest.raises(PluginError, match="Path traversal detected"):
            folder.find(name)
    with pytest.raises(PluginError, match="Path traversal detected"):
        folder.write("outside/new.py", "")
    assert call(folder, "inside.py") == "v1"


def test_a_directory_member_that_leads_out_is_refused_before_anything_is_written(folder: PluginFolder) -> None:
    folder.write_directory("pkg_b", {"__init__.py": WRITES})
    with pytest.raises(PluginError, match="Path traversal detected"):
        folder.write_directory("pkg_b", {"__init__.py": "", "../evil.py": ""})
    assert folder.find("pkg_b").code() == WRITES
    assert folder.names() == ["pkg_b"]


def test_a_changed_file_is_picked_up_at_the_next_call(folder: PluginFolder) -> None:
    folder.write("one.py", WRITES)
    source = folder.find("one.py")
    before = source.snapshot()
    folder.write("one.py", WRITES.replace("v1", "v2"))
    assert call(folder, "one.py") == "v2"
    assert before.load("process_writes")(None, []) == "v1"
    assert source.snapshot().hash != before.hash
    assert source.snapshot() is source.snapshot()


def test_the_last_good_code_is_kept_when_the_file_becomes_unreadable(folder: PluginFolder) -> None:
    path = folder.write("one.py", WRITES)
    folder.find("one.py")
    path.write_bytes(b"\xff\xfe")
    assert call(folder, "one.py") == "v1"
    path.unlink()
    assert call(folder, "one.py") == "v1"
    with pytest.raises(PluginError, match="Plugin not found"):
        folder.find("one.py")


def test_a_file_is_executed_anew_for_every_call_in_a_bare_namespace(folder: PluginFolder) -> None:
    folder.write(
        "bare.py",
        "count = 0\nclass C: pass\n"
        "def process_writes(influxdb3_local, table_batches, args=None):\n"
        "    global count\n    count += 1\n"
        "    return count, __name__, '__file__' in globals(), C.__module__, sorted(globals())\n",
    )
    first, second = call(folder, "bare.py"), call(folder, "bare.py")
    assert first == second
    assert first == (1, "builtins", False, "builtins", ["C", "__builtins__", "count", "process_writes"])


@pytest.mark.filterwarnings("ignore:can't resolve package:ImportWarning")
def test_siblings_and_relative_imports_are_out_of_reach_of_a_single_file(folder: PluginFolder) -> None:
    folder.write("sibling_of_a.py", "")
    folder.write("absolute.py", "import sibling_of_a\n")
    folder.write("relative.py", "from . import sibling_of_a\n")
    with pytest.raises(ModuleNotFoundError):
        call(folder, "absolute.py")
    with pytest.raises(KeyError, match="'__name__' not in globals"):
        call(folder, "relative.py")


def test_a_syntax_error_names_the_file_string(folder: PluginFolder) -> None:
    folder.write("bad.py", "x = 1\n  y = 2\n")
    with pytest.raises(IndentationError) as caught:
        call(folder, "bad.py")
    assert str(caught.value) == "unexpected indent (<string>, line 2)"
    assert folder.resolve("bad.py").snapshot().functions == ()


def test_a_byte_order_mark_is_no_error(folder: PluginFolder) -> None:
    (folder.path / "bom.py").write_bytes(b"\xef\xbb\xbf" + WRITES.encode())
    assert call(folder, "bom.py") == "v1"


def test_null_bytes_are_refused(folder: PluginFolder) -> None:
    folder.write("null.py", WRITES + "\0")
    with pytest.raises(PluginError) as caught:
        call(folder, "null.py")
    assert message(caught) == "plugin code contains null bytes"


@pytest.mark.parametrize(
    ("entry", "signature"),
    [
        ("process_writes", "process_writes(influxdb3_local, table_batches, args=None)"),
        (
            "process_request",
            "process_request(influxdb3_local, query_parameters, request_headers, request_body, args=None)"
            " -> Tuple[str, Optional[Dict[str, str]]]",
        ),
        ("process_scheduled_call", "process_scheduled_call(influxdb3_local, call_time, args=None)"),
    ],
)
def test_a_missing_function_has_the_servers_text(folder: PluginFolder, entry: str, signature: str) -> None:
    folder.write("empty.py", "")
    folder.write_directory("pkg_empty", {"__init__.py": ""})
    for name in ("empty.py", "pkg_empty"):
        with pytest.raises(PluginError) as caught:
            call(folder, name, entry)
        assert (
            message(caught) == f"the {entry} function is not present in the plugin. Should be defined as: {signature}"
        )


def test_the_mend_of_a_missing_function_says_what_is_there(folder: PluginFolder) -> None:
    folder.write("one.py", WRITES)
    folder.write("typo.py", "def process_write(a, b, c): pass\n")
    with pytest.raises(PluginError) as caught:
        call(folder, "one.py", "process_request")
    assert "It defines process_writes" in caught.value.mend
    with pytest.raises(PluginError) as caught:
        call(folder, "typo.py")
    assert caught.value.mend == "Did you mean 'process_write'?"


def test_a_folder_is_imported_once_and_keeps_its_globals_until_a_restart(folder: PluginFolder) -> None:
    code = (
        "from .inner import bump\ndef process_writes(influxdb3_local, table_batches, args=None):\n    return bump()\n"
    )
    inner = "n = 0\ndef bump():\n    global n\n    n += 1\n    return n\n"
    folder.write_directory("pkg_once", {"__init__.py": code, "inner.py": inner})
    path = list(sys.path)
    assert [call(folder, "pkg_once"), call(folder, "pkg_once")] == [1, 2]
    folder.write("pkg_once/inner.py", inner.replace("n += 1", "n += 9"))
    assert call(folder, "pkg_once") == 3
    assert sys.path == path
    folder.forget_modules()
    assert "pkg_once" not in sys.modules
    assert "pkg_once.inner" not in sys.modules
    assert call(folder, "pkg_once") == 9


def test_two_engines_have_each_their_own_package_of_one_name(folder: PluginFolder, tmp_path: Path) -> None:
    other = PluginFolder(tmp_path / "other")
    for each, start in ((folder, 0), (other, 100)):
        body = f"n = {start}\ndef process_writes(a, b, c=None):\n    global n\n    n += 1\n    return n\n"
        each.write_directory("pkg_twice", {"__init__.py": body})
    try:
        assert [call(f, "pkg_twice") for f in (folder, other, folder, other)] == [1, 101, 2, 102]
    finally:
        other.forget_modules()


def test_a_folder_named_like_a_module_gets_that_module(folder: PluginFolder) -> None:
    folder.write_directory("json", {"__init__.py": WRITES})
    with pytest.raises(PluginError, match="the process_writes function is not present") as caught:
        call(folder, "json")
    assert "rename the plugin folder" in caught.value.mend


def test_a_package_that_cannot_be_imported_says_why(folder: PluginFolder) -> None:
    folder.write_directory("pkg_broken", {"__init__.py": "import no_such_module_anywhere\n"})
    with pytest.raises(PluginError) as caught:
        call(folder, "pkg_broken")
    assert message(caught) == (
        "Failed to import plugin module 'pkg_broken': ModuleNotFoundError: No module named 'no_such_module_anywhere'\n"
        "Hint: Check for syntax errors or missing dependencies in Python files."
    )
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


@pytest.mark.filterwarnings("ignore:can't resolve package:ImportWarning")
def test_a_dry_run_executes_a_folders_init_as_plain_source(folder: PluginFolder) -> None:
    folder.write_directory("pkg_dry", {"__init__.py": "from .inner import x\n", "inner.py": "x = 1\n"})
    with pytest.raises(KeyError, match="'__name__' not in globals"):
        replace(folder.resolve("pkg_dry").snapshot(), root=None).load("process_writes")


def test_the_hash_of_a_folder_covers_all_its_files(folder: PluginFolder) -> None:
    folder.write_directory("pkg_hash", {"__init__.py": WRITES, "inner.py": "x = 1\n"})
    before = folder.find("pkg_hash").snapshot().hash
    folder.write("pkg_hash/inner.py", "x = 2\n")
    assert folder.find("pkg_hash").snapshot().hash != before


def test_writing_a_directory_drops_what_is_not_listed(folder: PluginFolder) -> None:
    folder.write_directory("pkg_files", {"__init__.py": WRITES, "old.py": ""})
    folder.write_directory("pkg_files", {"__init__.py": WRITES, "sub/new.py": ""})
    names = [f.file_name for f in folder.files_of("t", "pkg_files/")]
    assert names == ["__init__.py", "sub/new.py"]  # influxdb3_processing_engine/src/lib.rs, list_plugin_files
    assert sorted(os.listdir(folder.path)) == ["pkg_files"]


def test_the_files_of_a_plugin_are_those_of_the_system_table(folder: PluginFolder) -> None:
    path = folder.write("one.py", WRITES)
    (row,) = folder.files_of("my_trigger", "one.py")
    assert row == ("my_trigger", "one.py", str(path), len(WRITES), path.stat().st_mtime_ns // 1_000_000)
    path.unlink()
    assert folder.files_of("my_trigger", "one.py") == []


def test_writing_onto_a_folder_or_below_a_file_is_an_error(folder: PluginFolder) -> None:
    folder.write("one.py", WRITES)
    folder.write("sub/two.py", WRITES)
    with pytest.raises(PluginError, match="Is a directory"):
        folder.write("sub", "")
    with pytest.raises(PluginError, match="reading plugin file: "):
        folder.write("one.py/three.py", "")


@pytest.mark.parametrize("source", [5, None, b"x = 1"])
def test_a_source_that_is_no_text_is_refused(folder: PluginFolder, source: Any) -> None:
    with pytest.raises(UsageError, match="not text"):
        folder.write("one.py", source)
    assert folder.names() == []


def test_a_plugin_is_named_by_text_not_by_the_path_that_a_write_gives(folder: PluginFolder) -> None:
    path: Any = folder.write("one.py", WRITES)
    for ask in (folder.find, lambda name: folder.write(name, WRITES)):
        with pytest.raises(PluginError, match="Name the plugin relative to the plugin folder"):
            ask(path)


def test_the_folders_plugins_are_listed(folder: PluginFolder) -> None:
    folder.write_directory("pkg_list", {"__init__.py": "", "inner.py": ""})
    for name in ("b.py", "team/a.py", ".venv/lib/x.py", "notes.txt"):
        folder.write(name, "")
    assert folder.names() == ["b.py", "pkg_list", "team/a.py"]


@pytest.mark.parametrize(
    ("code", "functions"),
    [
        ("async def process_writes(a, b, c): ...\n", ()),
        ("def process_writes(a, b, c): ...\nasync def process_writes(a, b, c): ...\n", ()),
        ("from .x import process_request\n", ("process_request",)),
        ("process_writes = lambda a, b, c: None\n", ("process_writes",)),
        ("try:\n    def process_request(*a): ...\nexcept E:\n    pass\n", ("process_request",)),
        ("class P:\n    def process_writes(self): ...\n", ()),
        ("def process_request(*a): ...\ndef process_writes(*a): ...\n", ("process_writes", "process_request")),
    ],
)
def test_the_functions_of_a_plugin_are_found_in_its_source(
    folder: PluginFolder, code: str, functions: tuple[str, ...]
) -> None:
    folder.write("any.py", code)
    assert folder.find("any.py").snapshot().functions == functions
