"""``pe-kit serve``: the engine as a server, until it is told to end."""

from __future__ import annotations

import json
import signal
import threading
from pathlib import Path
from typing import Annotated, Any

import typer

from pe_kit.engine.engine import Engine

__all__ = ["serve"]


def serve(
    host: Annotated[str, typer.Option(help="What to listen on; anything but loopback demands --token.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port; 0 takes a free one.")] = 8181,
    plugin_dir: Annotated[Path | None, typer.Option(help="The plugin folder; else INFLUXDB3_PLUGIN_DIR.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Keep the data in this folder; else in memory.")] = None,
    virtual: Annotated[bool, typer.Option("--virtual", help="Virtual time, moved through /pe/clock.")] = False,
    token: Annotated[
        str | None, typer.Option(envvar="PE_KIT_TOKEN", help="What clients must send; none: no authentication.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Say where it listens as JSON.")] = False,
) -> None:
    """Serve the engine by HTTP and Flight on one port. Ctrl-C or SIGTERM ends it; nothing acknowledged is lost."""
    import pyarrow as pa

    pa.set_memory_pool(pa.system_memory_pool())  # Arrow's own keeps some for each of the many threads that answer
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    options: dict[str, Any] = {"clock": "virtual" if virtual else "wall"}
    if plugin_dir is not None:
        options["plugin_dir"] = plugin_dir
    if data_dir is not None:
        options["data_dir"] = data_dir
    with Engine(**options) as engine:
        served = engine.serve(host=host, port=port, token=token)
        if as_json:
            typer.echo(json.dumps({"url": served.url, "port": served.port, "plugin_dir": str(engine.plugin_dir)}))
        else:
            typer.echo(f"Serving at {served.url}, plugins in {engine.plugin_dir}. Ctrl-C ends it.")
        ended.wait()
