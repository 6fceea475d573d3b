"""``manifest.toml`` and the packaging format (influxdb3-plugin-schemas/src of the repository influxdb3-plugin-sdk).

The server itself never reads a manifest; the packaging tools and the plugin registry do.
"""

from __future__ import annotations

import ast
import fnmatch
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

from packaging.requirements import InvalidRequirement, Requirement

from pe_kit.plugins.entrypoints import ENTRY_POINTS, definitions
from pe_kit.plugins.metadata import check_docstring

__all__ = ["Finding", "check_manifest", "plugin_code", "validate"]

_MAJOR = 1
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_-]{0,63}")
_DEVICE = re.compile(r"con|prn|aux|nul|com[0-9]|lpt[0-9]", re.IGNORECASE)
_BRACKETS = re.compile(r"\[[!^]?([^\]]*)\]")
_NUMBER, _WILDCARD = "(?:0|[1-9][0-9]*)", "[*xX]"
_PRE = "(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_SUFFIXES = rf"(?:-{_PRE}(?:\.{_PRE})*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
_VERSION = re.compile(rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}{_SUFFIXES}")
_REST = rf"(?:\.(?:{_NUMBER}(?:\.(?:{_NUMBER}{_SUFFIXES}|{_WILDCARD}))?|{_WILDCARD}(?:\.{_WILDCARD})?))?"
_COMPARATOR = rf"(?:>=|<=|=|>|<|~|\^)? *{_NUMBER}{_REST} *"
_REQUIREMENT = re.compile(rf" *(?:{_WILDCARD} *|{_COMPARATOR}(?:, *{_COMPARATOR})*)")
_STRING, _STRINGS, _TABLE, _TABLES = "a string", "a sequence of strings", "a table", "a sequence of tables"
_SHAPE = (
    ("", "manifest_schema_version", _STRING, True),
    ("", "plugin", _TABLE, True),
    ("", "dependencies", _TABLE, True),
    ("plugin", "name", _STRING, True),
    ("plugin", "version", _STRING, True),
    ("plugin", "description", _STRING, True),
    ("plugin", "triggers", _STRINGS, True),
    ("plugin", "homepage", _STRING, False),
    ("plugin", "repository", _STRING, False),
    ("plugin", "documentation", _STRING, False),
    ("plugin", "exclude", _STRINGS, False),
    ("dependencies", "database_version", _STRING, True),
    ("dependencies", "python", _STRINGS, False),
    ("dependencies", "plugins", _TABLES, False),
)


class Finding(NamedTuple):
    """One thing that is wrong. ``where`` is a key such as ``plugin.name``, a file name, or empty."""

    level: Literal["error", "warning"]
    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message


def validate(path: str | Path) -> list[Finding]:
    """Check a plugin before it is packaged.

    Args:
        path: a plugin's folder, checked with its manifest, entry point and triggers; or one ``.py`` file, of which
            only the code and the metadata docstring are checked.

    Returns:
        All findings; none when the plugin is good. A missing or unreadable manifest is reported alone. A metadata
        docstring that breaks its rules is a warning.
    """
    path = Path(path)
    if path.is_file():
        return list(_check_file(path))
    try:
        text = (path / "manifest.toml").read_bytes().decode()
    except (FileNotFoundError, NotADirectoryError):
        return [_error("", 'required file "manifest.toml" is missing from the plugin directory')]
    except UnicodeDecodeError:
        return [_error("", "TOML parse error: stream did not contain valid UTF-8")]
    findings = check_manifest(text)
    if findings:
        return findings
    plugin = tomllib.loads(text)["plugin"]
    for pattern in plugin.get("exclude", []):
        if problem := _bad_pattern(pattern):
            return [_error("", f"invalid exclude pattern {_quoted(pattern)}: {problem}")]
    names = [p.name for p in sorted(path.iterdir()) if p.is_file() and not p.is_symlink()]
    code = [n for n in names if n.endswith(".py") and not _excluded(n, plugin.get("exclude", []))]
    entry = "__init__.py" if "__init__.py" in code else code[0] if len(code) == 1 else ""
    if entry:
        return list(_check_code(path / entry, plugin["triggers"]))
    if not code:
        return [_error("", "no Python entry point found in the plugin directory (no .py files at the top level)")]
    files = ", ".join(map(_quoted, code))
    return [
        _error(
            "",
            f"multiple .py files found at the top level without __init__.py: [{files}]; "
            "add __init__.py for a multi-file plugin, or keep only one .py file",
        )
    ]


def plugin_code(folder: Path) -> list[Path]:
    """The Python files of a plugin's folder that are the plugin: no tests, and nothing that its manifest excludes."""
    try:
        patterns = tomllib.loads((folder / "manifest.toml").read_text(encoding="utf-8"))["plugin"]["exclude"]
    except (OSError, ValueError, KeyError, TypeError):
        patterns = []
    found = []
    for file in sorted(folder.rglob("*.py")):
        parts = file.relative_to(folder).parts
        hidden = any(part.startswith(".") or part in ("tests", "__pycache__") for part in parts[:-1])
        tests = file.name.startswith("test_") or file.name == "conftest.py"
        if not (hidden or tests or _excluded("/".join(parts), patterns)):
            found.append(file)
    return found


def check_manifest(text: str) -> list[Finding]:
    """Check the text of a ``manifest.toml``: its shape first, then its schema version, then all fields in one pass."""
    try:
        manifest = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return [_error("", f"TOML parse error: {error}")]
    if problem := _shape(manifest):
        return [_error("", f"TOML parse error: {problem}")]
    if problem := _schema_version(manifest["manifest_schema_version"]):
        return [_error("manifest_schema_version", problem)]
    found = _fields(manifest["plugin"], manifest["dependencies"])
    return [_error(where, problem) for where, problem in found if problem]


def _fields(plugin: dict[str, Any], dependencies: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Each field, and what is wrong with it; empty where nothing is."""
    yield "plugin.name", _name(plugin["name"])
    yield "plugin.version", _version(plugin["version"])
    yield "plugin.description", _description(plugin["description"])
    yield "plugin.triggers", "" if plugin["triggers"] else "triggers array must not be empty"
    for number, trigger in enumerate(plugin["triggers"]):
        closed = f"is not in the closed set {{{', '.join(ENTRY_POINTS)}}}"
        yield f"plugin.triggers[{number}]", "" if trigger in ENTRY_POINTS else f"trigger {_quoted(trigger)} {closed}"
    for key in ("homepage", "repository", "documentation"):
        if key in plugin:
            yield f"plugin.{key}", _url(plugin[key])
    yield "dependencies.database_version", _range("database_version", dependencies["database_version"])
    for number, requirement in enumerate(dependencies.get("python", [])):
        yield f"dependencies.python[{number}]", _python(requirement)
    seen: set[tuple[str, str]] = set()
    for number, other in enumerate(dependencies.get("plugins", [])):
        where, url, name = f"dependencies.plugins[{number}]", other["index_url"], other["name"]
        yield f"{where}.index_url", _url(url, index=True)
        yield f"{where}.name", _name(name)
        yield f"{where}.version", _range("plugin dependency version", other["version"])
        canonical = (url, name.lower().replace("-", "_"))
        if canonical in seen:
            unique = "entries must be unique by (index_url, canonical name)"
            yield where, f"duplicate plugin dependency ({_quoted(url)}, {_quoted(name)}); {unique}"
        seen.add(canonical)


def _shape(manifest: dict[str, Any]) -> str:
    """What is missing or of a wrong type; empty when the manifest has its shape."""
    for table, key, kind, required in _SHAPE:
        holder = manifest[table] if table else manifest
        if key not in holder:
            if required:
                return f"missing field `{key}`" + (f" in `[{table}]`" if table else "")
        elif not _is(holder[key], kind):
            return f"`{table + '.' if table else ''}{key}` must be {kind}"
    for other in manifest["dependencies"].get("plugins", []):
        for key in ("index_url", "name", "version"):
            if key not in other:
                return f"missing field `{key}` in `[[dependencies.plugins]]`"
            if not isinstance(other[key], str):
                return f"`dependencies.plugins.{key}` must be {_STRING}"
    return ""


def _is(value: Any, kind: str) -> bool:
    if kind in (_STRINGS, _TABLES):
        item = str if kind == _STRINGS else dict
        return isinstance(value, list) and all(isinstance(v, item) for v in value)
    return isinstance(value, str if kind == _STRING else dict)


def _schema_version(text: str) -> str:
    if not re.fullmatch(r"\+?[0-9]+\.\+?[0-9]+", text) or any(int(n) >= 2**32 for n in text.split(".")):
        return f"schema version {_quoted(text)} must be formatted as <major>.<minor>"
    if int(text.split(".")[0]) != _MAJOR:
        return f"manifest_schema_version {_quoted(text)} has unsupported major; this library supports major {_MAJOR}"
    return ""


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        return (
            f"plugin name {_quoted(text)} must match `[a-zA-Z][a-zA-Z0-9_-]*` "
            "(1-64 chars, ASCII alphanumerics / `-` / `_`, starting with a letter)"
        )
    if _DEVICE.fullmatch(text):
        return (
            f"plugin name {_quoted(text)} matches a Windows reserved device name (case-insensitive); "
            "pick a different name"
        )
    return ""


def _version(text: str) -> str:
    wrong = f"version {_quoted(text)} is not SemVer 2.0.0 compliant: expected MAJOR.MINOR.PATCH, such as 1.2.0"
    return "" if _VERSION.fullmatch(text) else wrong


def _range(what: str, text: str) -> str:
    wrong = f"{what} {_quoted(text)} is not a valid SemVer range: expected comparators, such as >=3.2.0, <4.0.0"
    return "" if _REQUIREMENT.fullmatch(text) else wrong


def _description(text: str) -> str:
    if not text:
        return "description must not be empty"
    if "\n" in text or "\r" in text:
        return f"description must be one line; got {len(text)} chars across multiple lines"
    return f"description exceeds 200 characters (was {len(text)})" if len(text) > 200 else ""


def _url(text: str, index: bool = False) -> str:
    """What is wrong with a URL; that of an ``index`` may be a file's."""
    parts, problem = None, ""
    try:
        parts = urlsplit(text.strip())
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        problem = "invalid port number" if "ort" in str(error) else "invalid IPv6 address"
    else:
        if not parts.scheme:
            problem = "relative URL without a base"
        elif parts.scheme in ("http", "https") and not host:
            problem = "empty host"
    if parts is None or problem:
        return f"URL {_quoted(text)} is malformed: {problem}"
    scheme = _quoted(parts.scheme)
    if index and parts.scheme not in ("http", "https", "file"):
        return f"index_url {_quoted(text)} uses unsupported scheme {scheme}; allowed: http, https, file"
    if not index and parts.scheme not in ("http", "https"):
        return f"URL {_quoted(text)} must use http or https scheme (was {scheme})"
    return ""


def _python(text: str) -> str:
    try:
        Requirement(text)
    except InvalidRequirement as error:
        return f"python requirement {_quoted(text)} is not PEP 508-parseable: {str(error).splitlines()[0]}"
    return ""


def _check_code(path: Path, triggers: list[str]) -> Iterator[Finding]:
    parsed = _parse(path)
    if isinstance(parsed, Finding):
        yield parsed
        return
    functions = definitions(parsed)
    for trigger in triggers:
        shown = trigger.title().replace("_", "")  # the packaging tool prints its enum
        if trigger not in functions:
            yield _error(
                path.name,
                f"trigger {shown} is declared in manifest.toml but has no matching top-level `def {trigger}(...)` "
                f"in {path.name}",
            )
        elif isinstance(functions[trigger], ast.AsyncFunctionDef):
            yield _error(
                path.name,
                f"trigger {shown} is implemented as `async def` in {path.name}; "
                "the runtime invokes trigger functions synchronously",
            )
    yield from _warnings(path)


def _check_file(path: Path) -> Iterator[Finding]:
    parsed = _parse(path)
    if isinstance(parsed, Finding):
        yield parsed
        return
    functions = {name: node for name, node in definitions(parsed).items() if name in ENTRY_POINTS}
    if not functions:
        yield _error(path.name, f"it defines none of {', '.join(ENTRY_POINTS)} at the top level")
    for name, node in functions.items():
        if isinstance(node, ast.AsyncFunctionDef):
            yield _error(path.name, f"{name} is an `async def`; the server never awaits it, write a plain `def`")
    yield from _warnings(path)


def _warnings(path: Path) -> Iterator[Finding]:
    for where, message in check_docstring(path.read_text(encoding="utf-8-sig")):
        yield Finding("warning", f"{path.name} {where}", message)


def _parse(path: Path) -> ast.Module | Finding:
    try:
        return ast.parse(path.read_bytes().decode("utf-8-sig"))
    except UnicodeDecodeError:
        problem = "stream did not contain valid UTF-8"
    except SyntaxError as error:
        snippet = (error.text or "").rstrip("\n")[max((error.offset or 1) - 1, 0) :][:40]
        problem = f"parse error at line {error.lineno or 1}, column {error.offset or 1}: `{snippet}` ({error.msg})"
    except ValueError as error:
        problem = str(error)
    return _error(path.name, f"{path.name} does not parse as valid Python: {problem}")


def _bad_pattern(pattern: str) -> str:
    for inside in _BRACKETS.findall(pattern):
        for low, high in re.findall(r"(.)-(.)", inside):
            if low > high:
                return f"error parsing glob '{pattern}': invalid range; '{low}' > '{high}'"
    return ""


def _excluded(name: str, patterns: list[str]) -> bool:
    """Whether gitignore patterns leave a file of the plugin's folder out; the last one that matches decides."""
    out, parts = False, name.split("/")
    for pattern in patterns:
        negated = pattern.startswith("!")
        glob = pattern[negated:].rstrip()
        anchored = glob.startswith("/") or ("/" in glob.rstrip("/") and not glob.startswith("**/"))
        folder, glob = glob.endswith("/"), glob.strip("/").removeprefix("**/")
        if not glob or glob.startswith("#"):
            continue
        among = parts[:-1] if folder else parts
        matched = fnmatch.fnmatchcase(name, glob) if anchored else any(fnmatch.fnmatchcase(p, glob) for p in among)
        if matched or (anchored and fnmatch.fnmatchcase(name, f"{glob}/*")):
            out = not negated
    return out


def _error(where: str, message: str) -> Finding:
    return Finding("error", where, message)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
