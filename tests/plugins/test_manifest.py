"""Plugins are checked as influxdb3-plugin-schemas/src and influxdb3-plugin-sdk/src/validate.rs check them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pe_kit.plugins.manifest import check_manifest, plugin_code, validate

PLUGIN: dict[str, Any] = {
    "name": "downsampler",
    "version": "1.2.0",
    "description": "Downsample data on every WAL write.",
    "triggers": ["process_writes"],
}
DEPENDENCIES: dict[str, Any] = {"database_version": ">=3.2.0,<4.0.0"}
WRITES = "def process_writes(influxdb3_local, table_batches, args=None):\n    pass\n"


def toml(version: Any = "1.3", plugin: dict[str, Any] | None = None, dependencies: dict[str, Any] | None = None) -> str:
    def table(name: str, values: dict[str, Any]) -> str:
        def value(v: Any) -> str:
            if isinstance(v, dict):
                return "{" + ", ".join(f"{k} = {value(x)}" for k, x in v.items()) + "}"
            return "[" + ", ".join(map(value, v)) + "]" if isinstance(v, list) else repr(v).replace("'", '"')

        return f"[{name}]\n" + "".join(f"{k} = {value(v)}\n" for k, v in values.items() if v is not None)

    head = f'manifest_schema_version = "{version}"\n'
    return head + table("plugin", PLUGIN | (plugin or {})) + table("dependencies", DEPENDENCIES | (dependencies or {}))


def messages(text: str) -> list[str]:
    return [str(finding) for finding in check_manifest(text)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "manifest.toml").write_text(toml())
    (tmp_path / "__init__.py").write_text(WRITES)
    return tmp_path


def test_a_good_plugin_has_no_findings(folder: Path) -> None:
    assert validate(folder) == []


def test_a_full_manifest_is_good_and_unknown_keys_are_ignored() -> None:
    urls = dict.fromkeys(("homepage", "repository", "documentation"), "https://example.com/a")
    other = {"index_url": "file:///srv/index.json", "name": "other", "version": "1.2"}
    needs = {"python": ["requests>=2.31,<3", "pydantic~=2.0"], "plugins": [other], "later": 1}
    assert messages(toml("1.42", {**urls, "exclude": ["tests/", "!tests/keep.py"], "later": 1}, needs)) == []


@pytest.mark.parametrize("name", ["a", "A" * 64, "my-plugin_2", "console", "com10"])
def test_good_names(name: str) -> None:
    assert messages(toml(plugin={"name": name})) == []


@pytest.mark.parametrize(
    ("plugin", "message"),
    [
        *(
            (
                {"name": name},
                f'plugin.name: plugin name "{name}" must match `[a-zA-Z][a-zA-Z0-9_-]*` '
                "(1-64 chars, ASCII alphanumerics / `-` / `_`, starting with a letter)",
            )
            for name in ("", "123plugin", "my plugin", "plugin.example", "ä", "a" * 65)
        ),
        *(
            (
                {"name": name},
                f'plugin.name: plugin name "{name}" matches a Windows reserved device name (case-insensitive); '
                "pick a different name",
            )
            for name in ("con", "PRN", "Com0", "lpt9")
        ),
        (
            {"version": "1.2"},
            'plugin.version: version "1.2" is not SemVer 2.0.0 compliant: expected MAJOR.MINOR.PATCH, such as 1.2.0',
        ),
        ({"description": ""}, "plugin.description: description must not be empty"),
        ({"description": "x" * 201}, "plugin.description: description exceeds 200 characters (was 201)"),
        (
            {"description": "a\nb"},
            "plugin.description: description must be one line; got 3 chars across multiple lines",
        ),
        ({"triggers": []}, "plugin.triggers: triggers array must not be empty"),
        (
            {"triggers": ["process_writes", "on_startup"]},
            'plugin.triggers[1]: trigger "on_startup" is not in the closed set '
            "{process_writes, process_scheduled_call, process_request}",
        ),
        ({"homepage": "ftp://x"}, 'plugin.homepage: URL "ftp://x" must use http or https scheme (was "ftp")'),
        ({"repository": "no url"}, 'plugin.repository: URL "no url" is malformed: relative URL without a base'),
        ({"documentation": "http://"}, 'plugin.documentation: URL "http://" is malformed: empty host'),
        ({"homepage": "http://a:b"}, 'plugin.homepage: URL "http://a:b" is malformed: invalid port number'),
    ],
)
def test_a_bad_field_of_the_plugin_has_its_text(plugin: dict[str, Any], message: str) -> None:
    assert messages(toml(plugin=plugin)) == [message]


@pytest.mark.parametrize(
    ("dependencies", "message"),
    [
        (
            {"database_version": ">=bad"},
            'dependencies.database_version: database_version ">=bad" is not a valid SemVer range: '
            "expected comparators, such as >=3.2.0, <4.0.0",
        ),
        (
            {"plugins": [{"index_url": "s3://b/i", "name": "x", "version": "1"}]},
            'dependencies.plugins[0].index_url: index_url "s3://b/i" uses unsupported scheme "s3"; '
            "allowed: http, https, file",
        ),
        (
            {"plugins": [{"index_url": "http://i", "name": "x", "version": "one"}]},
            'dependencies.plugins[0].version: plugin dependency version "one" is not a valid SemVer range: '
            "expected comparators, such as >=3.2.0, <4.0.0",
        ),
        (
            {
                "plugins": [
                    {"index_url": "http://i", "name": "a-b", "version": "1"},
                    {"index_url": "http://j", "name": "a-b", "version": "1"},
                    {"index_url": "http://i", "name": "A_B", "version": "2"},
                ]
            },
            'dependencies.plugins[2]: duplicate plugin dependency ("http://i", "A_B"); '
            "entries must be unique by (index_url, canonical name)",
        ),
    ],
)
def test_a_bad_dependency_has_its_text(dependencies: dict[str, Any], message: str) -> None:
    assert messages(toml(dependencies=dependencies)) == [message]


def test_a_python_requirement_is_pep_508() -> None:
    (message,) = messages(toml(dependencies={"python": ["requests>=2", "requests>>=2.0"]}))
    start = 'dependencies.python[1]: python requirement "requests>>=2.0" is not PEP 508-parseable: '
    assert message.startswith(start)
    assert "\n" not in message


def test_all_field_errors_are_collected_in_one_pass() -> None:
    text = toml(plugin={"name": "1", "version": "x", "triggers": []}, dependencies={"database_version": ""})
    where = [finding.where for finding in check_manifest(text)]
    assert where == ["plugin.name", "plugin.version", "plugin.triggers", "dependencies.database_version"]


@pytest.mark.parametrize("version", ["1", "1.0.0", "a.b", "", "1.", ".1", "1.-1", "1.4294967296"])
def test_a_malformed_schema_version_stops_everything_else(version: str) -> None:
    found = messages(toml(version, {"name": "1"}))
    assert found == [f'manifest_schema_version: schema version "{version}" must be formatted as <major>.<minor>']


def test_another_major_is_refused() -> None:
    assert messages(toml("2.0", {"name": "1"})) == [
        'manifest_schema_version: manifest_schema_version "2.0" has unsupported major; this library supports major 1'
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("= ", ""),
        ('manifest_schema_version = "1.0"\n', "missing field `plugin`"),
        (toml(plugin={"name": None}), "missing field `name` in `[plugin]`"),
        (toml(dependencies={"database_version": None}), "missing field `database_version` in `[dependencies]`"),
        (toml(plugin={"triggers": "process_writes"}), "`plugin.triggers` must be a sequence of strings"),
        (toml(plugin={"name": 5}), "`plugin.name` must be a string"),
        (toml(dependencies={"plugins": [{"name": "x", "version": "1"}]}), "missing field `index_url`"),
        (toml(dependencies={"plugins": [{"index_url": 1, "name": "x", "version": "1"}]}), "must be a string"),
    ],
)
def test_a_broken_shape_is_one_parse_error(text: str, problem: str) -> None:
    (message,) = messages(text)
    assert message.startswith("TOML parse error: ")
    assert problem in message


def test_a_missing_or_malformed_manifest_is_reported_alone(folder: Path) -> None:
    (folder / "__init__.py").write_text("def broken(:")
    (folder / "manifest.toml").write_text("= ")
    assert [f.message.partition(":")[0] for f in validate(folder)] == ["TOML parse error"]
    (folder / "manifest.toml").unlink()
    assert [str(f) for f in validate(folder)] == ['required file "manifest.toml" is missing from the plugin directory']


def test_the_only_python_file_is_the_entry_point(folder: Path) -> None:
    (folder / "__init__.py").rename(folder / "anything.py")
    (folder / "sub").mkdir()
    (folder / "sub" / "more.py").write_text("")
    (folder / "link.py").symlink_to(folder / "anything.py")
    (folder / "SHOUT.PY").write_text("")
    assert validate(folder) == []


def test_init_wins_over_other_files(folder: Path) -> None:
    (folder / "other.py").write_text("def broken(:")
    assert validate(folder) == []


def test_no_or_several_entry_points_are_errors(folder: Path) -> None:
    (folder / "__init__.py").unlink()
    assert [str(f) for f in validate(folder)] == [
        "no Python entry point found in the plugin directory (no .py files at the top level)"
    ]
    for name in ("b.py", "a.py"):
        (folder / name).write_text(WRITES)
    assert [str(f) for f in validate(folder)] == [
        'multiple .py files found at the top level without __init__.py: ["a.py", "b.py"]; '
        "add __init__.py for a multi-file plugin, or keep only one .py file"
    ]


@pytest.mark.parametrize(
    ("exclude", "good"),
    [
        (["test_*.py"], True),
        (["/test_plugin.py"], True),
        (["**/test_plugin.py"], True),
        (["test_plugin.py/"], False),
        (["sub/test_plugin.py"], False),
        (["*.py", "!plugin.py"], True),
        (["# test_plugin.py"], False),
    ],
)
def test_excluded_files_are_no_entry_points(folder: Path, exclude: list[str], good: bool) -> None:
    (folder / "__init__.py").rename(folder / "plugin.py")
    (folder / "test_plugin.py").write_text("")
    (folder / "manifest.toml").write_text(toml(plugin={"exclude": exclude}))
    assert (validate(folder) == []) is good


def test_the_code_of_a_folder_is_what_is_packed_without_tests(folder: Path) -> None:
    for name in (
        "lib/part.py",
        "lib/test_part.py",
        ".venv/lib/x.py",
        "tests/x.py",
        "old/x.py",
        "docs/deep/x.py",
        "b.py",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")
    found = ["__init__.py", "b.py", "docs/deep/x.py", "lib/part.py", "old/x.py"]
    (folder / "manifest.toml").unlink()
    assert [file.relative_to(folder).as_posix() for file in plugin_code(folder)] == found
    for exclude, left in (
        (["old/", "docs/**"], ["__init__.py", "b.py", "lib/part.py"]),
        (["*.py", "!b.py"], ["b.py"]),
        (["/b.py", "deep"], ["__init__.py", "lib/part.py", "old/x.py"]),
    ):
        (folder / "manifest.toml").write_text(toml(plugin={"exclude": exclude}))
        assert [file.relative_to(folder).as_posix() for file in plugin_code(folder)] == left


def test_an_invalid_exclude_pattern_is_an_error(folder: Path) -> None:
    (folder / "manifest.toml").write_text(toml(plugin={"exclude": ["[z-a]"]}))
    (finding,) = validate(folder)
    assert finding.message.startswith('invalid exclude pattern "[z-a]": ')


@pytest.mark.parametrize(
    "code",
    [
        "",
        "class P:\n    def process_writes(self): ...\n",
        "def outer():\n    def process_writes(): ...\n",
        "if True:\n    def process_writes(): ...\n",
        "from .inner import process_writes\n",
        "process_writes = print\n",
        'doc = """\ndef process_writes(): ...\n"""\n',
    ],
)
def test_only_a_top_level_def_binds_a_trigger(folder: Path, code: str) -> None:
    (folder / "__init__.py").write_text(code)
    assert [f.message for f in validate(folder)] == [
        "trigger ProcessWrites is declared in manifest.toml but has no matching top-level `def process_writes(...)` "
        "in __init__.py"
    ]


@pytest.mark.parametrize("code", [f"@print\n{WRITES}", f"async {WRITES}{WRITES}", "def process_writes(): ...\n"])
def test_decorators_and_later_definitions_and_any_arity_are_fine(folder: Path, code: str) -> None:
    (folder / "__init__.py").write_text(code)
    assert validate(folder) == []


def test_an_async_def_is_refused(folder: Path) -> None:
    (folder / "__init__.py").write_text(f"{WRITES}async {WRITES}")
    assert [f.message for f in validate(folder)] == [
        "trigger ProcessWrites is implemented as `async def` in __init__.py; "
        "the runtime invokes trigger functions synchronously"
    ]


def test_code_that_does_not_parse_is_the_only_finding(folder: Path) -> None:
    (folder / "__init__.py").write_text("x = 1\ndef oops(:\n    pass\n")
    (finding,) = validate(folder)
    assert finding.message.startswith(
        "__init__.py does not parse as valid Python: parse error at line 2, column 10: `:`"
    )


def test_a_single_file_is_checked_without_a_manifest(tmp_path: Path) -> None:
    path = tmp_path / "one.py"
    path.write_text(WRITES)
    assert validate(path) == []
    path.write_text("x = 1\n")
    assert "defines none of process_writes" in validate(path)[0].message
    path.write_text(f"async {WRITES}")
    assert "never awaits" in validate(path)[0].message
    path.write_text("def oops(:")
    assert "does not parse as valid Python" in validate(path)[0].message


@pytest.mark.parametrize(
    ("docstring", "where"),
    [
        ("Plain words.", []),
        ('{"plugin_type": ["onwrite", "http", "scheduled"]}', []),
        ('{"plugin_type": ["onwrite"', ["docstring"]),
        ('{"plugin_type": "onwrite"}', ["plugin_type"]),
        ('{"plugin_type": ["process_writes"]}', ["plugin_type"]),
        ('{"plugin_type": ["http"], "http_args_config": {}}', ["http_args_config"]),
        ('{"plugin_type": ["http"], "http_args_config": [3]}', ["http_args_config[0]"]),
        (
            '{"plugin_type": ["http"], "http_args_config": [{"name": "a", "example": 1, "description": "", "required": 1}]}',
            ["http_args_config[0].example", "http_args_config[0].required"],
        ),
        (
            '{"plugin_type": ["http"], "http_args_config": '
            '[{"name": "a", "example": "1", "description": "", "required": true}]}',
            [],
        ),
    ],
)
def test_a_metadata_docstring_that_breaks_its_rules_is_a_warning(
    folder: Path, docstring: str, where: list[str]
) -> None:
    (folder / "__init__.py").write_text(f'"""\n{docstring}\n"""\n{WRITES}')
    found = validate(folder)
    assert [f.where for f in found] == [f"__init__.py {w}" for w in where]
    assert {f.level for f in found} <= {"warning"}


@pytest.mark.parametrize(
    ("key", "good", "bad"),
    [
        (
            "version",
            ["1.2.3", "0.0.0", "1.2.3-rc.1", "1.2.3+build.007", "1.2.3-a-b.0+x", "1.0.0--"],
            ["", "1", "1.2.", "latest", "1.2.3 ", "1.02.3", "1.2.3-", "1.2.3-a..b", "1.2.3-01", "1.2.3+", "1.2.3-a_b"],
        ),
        (
            "database_version",
            ["*", " x ", "1", "1.2", "^1.2.3", "~1", "=1.2.3-rc.1", ">=3.2.0,<4.0.0", ">= 3.2 , < 4", "1.*", "1.2.X",
             "1.*.*", ">=1.*"],
            ["", ">=", "==1.0", ">=1.0 <2", ">=1.0,", "*, 1", "1, *", "*.1", "1.*.3", "1.2-rc"],
        ),
    ],
)  # fmt: skip
def test_versions_and_requirements_are_those_of_the_crate_semver(key: str, good: list[str], bad: list[str]) -> None:
    for text in good + bad:
        found = messages(toml(plugin={key: text}) if key == "version" else toml(dependencies={key: text}))
        assert bool(found) == (text in bad), text
