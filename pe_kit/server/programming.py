"""Endpoints of the Processing engine: triggers, dry runs, plugin files, packages (influxdb3_server/src/http.rs)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from pe_kit.errors import PluginError
from pe_kit.server.asking import Ask, Reply
from pe_kit.server.service import Routes, Service

if TYPE_CHECKING:
    from pe_kit.engine.trigger_table import Trigger

__all__ = ["ENGINE_PREFIX", "ROUTES", "call_plugin"]

ROUTES = Routes()
ENGINE_PREFIX = "/api/v3/engine/"
_TRIGGER = "/api/v3/configure/processing_engine_trigger"
_INSTALL = "/api/v3/configure/plugin_environment"


def call_plugin(service: Service, ask: Ask) -> Reply:
    """What a request plugin answers; the path is compared byte for byte."""
    path = ask.path.removeprefix(ENGINE_PREFIX)
    params = parse_qsl(ask.query or "", keep_blank_values=True)
    outcome = service.engine.request(path, method=ask.method, params=params, headers=ask.headers, body=ask.body)
    response = outcome.response
    assert response is not None
    return Reply(response.status, response.body, tuple(response.headers.items()))


@ROUTES.on("POST", _TRIGGER)
def _create_trigger(service: Service, ask: Ask) -> None:
    """A new trigger; all fields but the arguments are required."""
    given = ask.by_either()  # by query it cannot be: settings are an object
    db, path, name = given.text("db"), given.text("plugin_filename"), given.text("trigger_name")
    settings = given.part("trigger_settings")
    service.engine.create_trigger(
        name,
        db=db,
        path=path,
        run_async=settings.flag("run_async"),
        error_behavior=settings.choice("error_behavior", ("log", "retry", "disable")),
        spec=given.text("trigger_specification"),
        arguments=given.text_map("trigger_arguments"),
        disabled=given.flag("disabled"),
    )


@ROUTES.on("DELETE", _TRIGGER)
def _delete_trigger(service: Service, ask: Ask) -> None:
    given = ask.by_either()
    service.engine.delete_trigger(given.text("trigger_name"), given.text("db"), force=given.flag("force", False))


@ROUTES.on("POST", f"{_TRIGGER}/enable")
def _enable_trigger(service: Service, ask: Ask) -> None:
    """Start a trigger; the query string alone is read."""
    given = ask.by_query()
    db = given.text("db")
    service.engine.enable_trigger(given.text("trigger_name"), db)


@ROUTES.on("POST", f"{_TRIGGER}/disable")
def _disable_trigger(service: Service, ask: Ask) -> None:
    """Stop a trigger; the query string alone is read."""
    given = ask.by_query()
    db = given.text("db")
    service.engine.disable_trigger(given.text("trigger_name"), db)


@ROUTES.on("POST", "/api/v3/plugin_test/wal")
def _test_wal(service: Service, ask: Ask) -> Reply:
    given = ask.by_json()
    filename, db, lines = given.text("filename"), given.text("database"), given.text("input_lp")
    cache, arguments = given.text("cache_name", None), given.text_map("input_arguments")
    return Reply.of_json(service.engine.test_wal_plugin(filename, lines, db, arguments=arguments, cache_name=cache))


@ROUTES.on("POST", "/api/v3/plugin_test/schedule")
def _test_schedule(service: Service, ask: Ask) -> Reply:
    given = ask.by_json()
    filename, db = given.text("filename"), given.text("database")
    cache, arguments = given.text("cache_name", None), given.text_map("input_arguments")
    schedule = given.text("schedule", None)
    return Reply.of_json(
        service.engine.test_schedule_plugin(filename, db, schedule=schedule, arguments=arguments, cache_name=cache)
    )


@ROUTES.on("POST", "/api/v3/plugins/files")
def _create_file(service: Service, ask: Ask) -> None:
    """Put a file in the plugin folder; here ``plugin_name`` is a path."""
    given = ask.by_json()
    service.engine.write_plugin(given.text("plugin_name"), given.text("content"))


@ROUTES.on("PUT", "/api/v3/plugins/files")
def _update_file(service: Service, ask: Ask) -> None:
    """Replace the file of a trigger; here ``plugin_name`` is a trigger's name."""
    given = ask.by_json()
    trigger, content = _trigger(service, given.text("plugin_name")), given.text("content")
    folder = service.engine.plugin_dir
    is_folder = folder is not None and (folder / trigger.path).is_dir()
    service.engine.write_plugin(f"{trigger.path.rstrip('/')}/__init__.py" if is_folder else trigger.path, content)


@ROUTES.on("PUT", "/api/v3/plugins/directory")
def _update_directory(service: Service, ask: Ask) -> None:
    """Replace the folder of a trigger; files that are not given are gone."""
    given = ask.by_json()
    files = {item.text("relative_path"): item.text("content") for item in given.items("files")}
    service.engine.write_plugin_directory(_trigger(service, given.text("plugin_name")).path, files)


def _trigger(service: Service, name: str) -> Trigger:
    found = service.engine.find_trigger(name)
    if found is None:
        raise PluginError(f"Processing engine error: plugin error: Plugin not found: {name}")
    return found


@ROUTES.on("POST", f"{_INSTALL}/install_packages")
def _install_packages(service: Service, ask: Ask) -> None:
    if packages := ask.by_either().texts("packages"):
        service.engine.install_packages(packages)


@ROUTES.on("POST", f"{_INSTALL}/install_requirements")
def _install_requirements(service: Service, ask: Ask) -> None:
    service.engine.install_packages(["-r", ask.by_either().text("requirements_location")])
