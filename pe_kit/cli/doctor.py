"""``pe-kit doctor``: would the Processing engine be on, is this machine fit for it, and what to do where it is not.

Order of precedence: option, environment, configuration file, default of the deployment. The configuration file reaches
the server as environment variables that are not set yet (usr/lib/influxdb3/influxdb3-launcher of its packages).
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import socket
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import typer

from pe_kit.cli.validate import problems
from pe_kit.errors import UsageError
from pe_kit.plugins.manifest import plugin_code
from pe_kit.plugins.requirements import requirements
from pe_kit.plugins.source import PluginFolder

__all__ = ["DEPLOYMENTS", "Finding", "Setting", "doctor", "plugin_dir"]

_VARIABLE = "INFLUXDB3_PLUGIN_DIR"
_CONFIG = "/etc/influxdb3/influxdb3-core.conf"
_PACKAGED = "/var/lib/influxdb3/plugins"
DEPLOYMENTS: Mapping[str, str | None] = {"docker": "/plugins", "deb": _PACKAGED, "rpm": _PACKAGED, "binary": None}
"""Deployment -> the plugin folder that it comes with, None for none."""
_RESTART = "then `sudo systemctl restart influxdb3-core`"
_TURN_OFF = {
    "docker": "Unset it in the container, an empty one is not enough: `docker run --entrypoint /bin/sh IMAGE -c "
    f"'unset {_VARIABLE} && exec influxdb3 serve ...'`",
    "deb": f"Put a # before plugin-dir in {_CONFIG}, {_RESTART}",
    "rpm": f"Put a # before plugin-dir in {_CONFIG}, {_RESTART}",
    "binary": f"Start it without --plugin-dir and `unset {_VARIABLE}`; an empty one is not enough",
}
_TURN_ON = {
    "docker": f"Mount a folder and name it: `docker run -v ./plugins:/plugins -e {_VARIABLE}=/plugins IMAGE`",
    "deb": f'Write plugin-dir = "{_PACKAGED}" in {_CONFIG}, {_RESTART}',
    "rpm": f'Write plugin-dir = "{_PACKAGED}" in {_CONFIG}, {_RESTART}',
    "binary": "Start it with --plugin-dir DIR: `influxdb3 serve --plugin-dir ./plugins ...`",
}


class Setting(NamedTuple):
    """The plugin folder that a server would have (None: the engine is off), and where that is from."""

    value: str | None
    source: str


class Finding(NamedTuple):
    """One thing that was looked at: ``ok``, ``warning`` or ``error``; what it is, and what to do about it."""

    level: Literal["ok", "warning", "error"]
    subject: str
    message: str
    mend: str = ""


def plugin_dir(deployment: str, option: str | None, environment: Mapping[str, str], config: Path | None) -> Setting:
    """Find the plugin folder that a server would have.

    Raises:
        UsageError: the configuration file cannot be read.
    """
    if option is not None:
        return Setting(option, "the option --plugin-dir")
    if _VARIABLE in environment:
        return Setting(environment[_VARIABLE], f"the environment variable {_VARIABLE}")
    if config is not None:
        try:
            found = tomllib.loads(config.read_text(encoding="utf-8")).get("plugin-dir")
        except (OSError, ValueError) as error:
            raise UsageError(f"{config} cannot be read: {error}", mend="Name a TOML file.") from None
        if found is not None:
            return Setting(str(found), f"plugin-dir in {config}")
        if deployment in ("deb", "rpm"):
            return Setting(None, f"{config} has no plugin-dir")
    default = DEPLOYMENTS[deployment]
    if default is None:
        return Setting(None, f"no --plugin-dir, no {_VARIABLE}" + (f", no plugin-dir in {config}" if config else ""))
    return Setting(default, f"the default of the {deployment} deployment")


def doctor(
    deployment: Annotated[str, typer.Option(help="docker, deb, rpm or binary.")] = "binary",
    config: Annotated[Path | None, typer.Option(help="The server's TOML configuration file.")] = None,
    option: Annotated[str | None, typer.Option("--plugin-dir", help="The option that the server is given.")] = None,
    port: Annotated[int, typer.Option(help="The port that it shall listen on.")] = 8181,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Say whether the Processing engine would be on, why, and what on this machine stands in its way.

    The exit status is 1 when something has to be mended.
    """
    if deployment not in DEPLOYMENTS:
        raise UsageError(f"--deployment {deployment}", mend=f"One of {', '.join(DEPLOYMENTS)}.")
    setting = plugin_dir(deployment, option, os.environ, config)
    found = [*_engine(deployment, setting), *_python(), *_packages(), _port(port)]
    if setting.value:
        found += _folder(Path(setting.value), here=deployment == "binary" or Path(setting.value).exists())
    if as_json:
        rows = [one._asdict() for one in found]
        typer.echo(
            json.dumps({"engine": setting._asdict() | {"on": setting.value is not None}, "findings": rows}, indent=2)
        )
    else:
        for one in found:
            typer.echo(f"{one.level:<8}{one.subject}: {one.message}")
            if one.mend:
                typer.echo(f"{'':<8}{one.mend}")
    raise typer.Exit(1 if any(one.level == "error" for one in found) else 0)


def _engine(deployment: str, setting: Setting) -> Iterator[Finding]:
    if setting.value is None:
        mend = f"To turn it on: {_TURN_ON[deployment]}."
        yield Finding("ok", "engine", f"off: {setting.source}", mend)
        return
    yield Finding(
        "ok",
        "engine",
        f"on, plugins in {setting.value!r}: {setting.source}",
        f"To turn it off: {_TURN_OFF[deployment]}.",
    )
    if not setting.value:
        yield Finding(
            "warning", "engine", f"{setting.source} is empty, which does not turn it off",
            f"Name a folder, or unset it. {_TURN_OFF[deployment]}.",
        )  # fmt: skip


def _python() -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] != (3, 13):
        yield Finding("ok", "python", f"{version}; the server brings 3.13", "Keep to what both know in plugins.")
    else:
        yield Finding("ok", "python", f"{version}, as the server's")
    missing = [name for name in ("pip", "venv") if importlib.util.find_spec(name) is None]
    if missing:
        mend = "Install it (`python -m ensurepip`, or the package python3-venv) to install packages for plugins."
        yield Finding("warning", "python", f"{' and '.join(missing)} is not there", mend)


def _packages() -> Iterator[Finding]:
    from packaging.requirements import Requirement

    wrong = 0
    for text in importlib.metadata.requires("pe-kit") or ():
        need = Requirement(text)
        extra = next((e for e in ("server", "lab") if need.marker and f'extra == "{e}"' in str(need.marker)), "")
        if need.marker is not None and not need.marker.evaluate({"extra": extra}):
            continue
        try:
            there = importlib.metadata.version(need.name)
        except importlib.metadata.PackageNotFoundError:
            there = ""
        if need.specifier.contains(there, prereleases=True) if there else False:
            continue
        wrong += 1
        what = f"{there} does not fit {need.specifier}" if there else "not installed"
        mend = f"pip install 'pe-kit[{extra}]'" if extra else f"pip install '{need.name}{need.specifier}'"
        yield Finding("warning" if extra else "error", need.name, what + (f" (extra {extra})" if extra else ""), mend)
    if not wrong:
        yield Finding("ok", "packages", "everything that pe_kit needs is installed")


def _port(port: int) -> Finding:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            return Finding("warning", f"port {port}", reason, "Stop what listens there, or serve on another --port.")
    return Finding("ok", f"port {port}", "free")


def _folder(path: Path, here: bool) -> Iterator[Finding]:
    if not here:
        yield Finding("ok", "plugin folder", f"{path} is not on this machine", "Run this where the server runs.")
        return
    if not path.is_dir():
        what = "is no folder" if path.exists() else "does not exist"
        yield Finding("error", "plugin folder", f"{path} {what}", f"mkdir -p {path}")
        return
    lacking = [word for word, mode in (("read", os.R_OK), ("enter", os.X_OK)) if not os.access(path, mode)]
    if lacking:
        mend = f"chmod u+rx {path}, as the user that the server runs as owns it."
        yield Finding("error", "plugin folder", f"{path}: may not {' or '.join(lacking)} it", mend)
        return
    if not os.access(path, os.W_OK):
        mend = f"chmod u+w {path}: uploads and the plugins' own packages go there."
        yield Finding("warning", "plugin folder", f"{path}: may not write in it", mend)
    if path.stat().st_mode & 0o002:
        mend = f"chmod o-w {path}: plugins run with the rights of the server."
        yield Finding("warning", "plugin folder", f"everybody may write in {path}", mend)
    names = PluginFolder(path).names()
    yield Finding("ok", "plugin folder", f"{path}, {len(names)} plugins")
    for name in names:
        yield from _plugin(path, name)


def _plugin(folder: Path, name: str) -> Iterator[Finding]:
    path = folder / name
    for one in problems(path):
        if one.level == "error" and "defines none of" not in one.message:  # a module that plugins import
            yield Finding("warning", name, f"line {one.line}: {one.message}" if one.line else one.message, one.mend)
    code = plugin_code(path) if path.is_dir() else [path]
    beside = path if path.is_dir() else None
    missing = [need.text for need in requirements(code, beside, path.name) if not need.installed]
    if missing:
        mend = f"influxdb3 install package {' '.join(missing)}"
        yield Finding("warning", name, f"needs {', '.join(missing)}, not installed here", mend)
