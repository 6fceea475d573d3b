"""``pe-kit validate``: what would go wrong with a plugin, before a server runs it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from pe_kit.engine.trigger import TriggerSpec, parse_arguments, parse_spec
from pe_kit.errors import TriggerSpecError, UsageError
from pe_kit.plugins.entrypoints import bound_entry_points
from pe_kit.plugins.lints import lint, lint_arguments
from pe_kit.plugins.manifest import plugin_code
from pe_kit.plugins.manifest import validate as check_package

__all__ = ["Problem", "problems", "validate"]

_CRON = re.compile(r"cron:[^\"'`\n,\\]+")
_NO_MANIFEST = 'required file "manifest.toml" is missing'


class Problem(NamedTuple):
    """One finding: level ``error`` or ``warning``, file, line (0: none), rule, message, why, mend."""

    level: str
    file: str
    line: int
    rule: str
    message: str
    why: str = ""
    mend: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        more = "".join(f"\n    {text}" for text in (self.why, self.mend) if text)
        return f"{where}: {self.level}: {self.message} [{self.rule}]{more}"


def problems(path: Path, spec: str | None = None, arguments: dict[str, str] | None = None) -> list[Problem]:
    """Check a plugin file or folder, and a trigger's specification and arguments where they are given.

    Raises:
        UsageError: there is nothing at the path.
    """
    if not path.exists():
        raise UsageError(f"there is no {path}", mend="Name a plugin's .py file or its folder.")
    found = [
        Problem("warning" if _plain_folder(path, f.message) else f.level, f.where or path.name, 0, "package", f.message)
        for f in check_package(path)
        if "async def" not in f.message  # the rule below says it with its line
    ]
    parsed: TriggerSpec | None = None
    if spec is not None:
        try:
            parsed = parse_spec(spec)
        except TriggerSpecError as error:
            found.append(Problem("error", "--trigger-spec", 0, "trigger-spec", error.message, "", error.mend))
        else:
            if parsed.note:
                found.append(Problem("warning", "--trigger-spec", 0, "weekday-number", f"in {spec!r}", "", parsed.note))
    table = parsed.value if parsed is not None and parsed.plugin_type == "WalRows" else None
    files = plugin_code(path) if path.is_dir() else [path]
    entry = path / "__init__.py" if len(files) != 1 else files[0]
    for file in files:
        source = file.read_bytes().decode("utf-8-sig", "replace")
        name = file.relative_to(path.parent).as_posix()
        found += [Problem(o.level, name, o.line, o.rule, o.message, o.why, o.mend) for o in lint(source, table)]
        found += _cron_texts(source, name)
        if parsed is not None and file == entry:
            found += _for_trigger(source, name, parsed, arguments)
    return found


def _plain_folder(path: Path, message: str) -> bool:
    """A folder that the server runs as it is; only packaging asks for a manifest."""
    return message.startswith(_NO_MANIFEST) and (path / "__init__.py").is_file()


def _for_trigger(source: str, name: str, spec: TriggerSpec, arguments: dict[str, str] | None) -> Iterator[Problem]:
    there = bound_entry_points(source)
    if spec.function not in there:
        has = f"It defines {', '.join(there)}." if there else "It defines no entry point."
        yield Problem("error", name, 0, "entry-point", f"`{spec}` calls {spec.function}, which is not there", "", has)
    for one in lint_arguments(source, spec.function, arguments):
        yield Problem(one.level, name, one.line, one.rule, one.message, one.why, one.mend)


def _cron_texts(source: str, name: str) -> Iterator[Problem]:
    """Cron expressions that stand in the file, as examples in its metadata or comments do."""
    for number, line in enumerate(source.splitlines(), 1):
        for text in _CRON.findall(line):
            spec = text.strip()
            if len(spec.split()) < 3:
                continue
            try:
                note = parse_spec(spec).note
            except TriggerSpecError as error:
                yield Problem("warning", name, number, "cron-example", error.message, "", error.mend)
            else:
                if note:
                    yield Problem("warning", name, number, "weekday-number", f"in {spec!r}", "", note)


def validate(
    plugins: Annotated[list[Path], typer.Argument(help="Plugin files or folders.")],
    trigger_spec: Annotated[str | None, typer.Option(help="Check it for this trigger, such as table:cpu.")] = None,
    trigger_arguments: Annotated[str | None, typer.Option(help="K=V,K=V: check them against the metadata.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Check plugins before a server runs them: manifest, entry points, metadata, triggers, and known mistakes.

    The exit status is 1 when there are errors; warnings leave it at 0.
    """
    arguments = None if trigger_arguments is None else parse_arguments(trigger_arguments)
    if arguments is not None and trigger_spec is None:
        raise UsageError("--trigger-arguments needs --trigger-spec", mend="It says which function gets them.")
    found = [one for path in plugins for one in problems(path, trigger_spec, arguments)]
    errors = sum(one.level == "error" for one in found)
    if as_json:
        rows: list[dict[str, Any]] = [one._asdict() for one in found]
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
    else:
        for one in found:
            typer.echo(str(one))
        names = ", ".join(path.name for path in plugins)
        typer.echo(f"{names}: {errors} errors, {len(found) - errors} warnings" if found else f"{names}: no findings")
    raise typer.Exit(1 if errors else 0)
