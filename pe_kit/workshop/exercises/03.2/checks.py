"""Half past six on working days: the cell sets ``spec``."""

import pandas as pd

from pe_kit import Engine

MONDAY, END = "2026-01-05T00:00:00Z", pd.Timestamp("2026-01-19")
PLUGIN = "def process_scheduled_call(influxdb3_local, call_time, args=None):\n    pass\n"


def _times(cell):
    """When the specification fires in two weeks that begin on a Monday, 1500 times at most."""
    names = {}
    exec(cell, names)
    if not isinstance(names.get("spec"), str):
        raise ValueError("the cell sets no `spec`: the specification as text")
    with Engine(start=MONDAY) as engine:
        engine.create_database("db")
        engine.write_plugin("plugin.py", PLUGIN)
        engine.create_trigger("report", db="db", path="plugin.py", spec=names["spec"])
        for number in (15, 150, 1500):  # the first that reaches beyond the two weeks is enough
            times = engine.next_events(number)["time"]
            if times.max() >= END:
                break
    return times[times < END]


def can_be_read(cell):
    _times(cell)


def the_time(cell):
    times = _times(cell)
    others = sorted({f"{time:%H:%M:%S}" for time in times} - {"06:30:00"})
    if others:
        return f"it fires at {', '.join(others[:3])}"
    return "it never fires" if times.empty else None


def the_days(cell):
    days = {f"{time:%a}" for time in _times(cell)}
    wanted = {"Mon", "Tue", "Wed", "Thu", "Fri"}
    said = [f"not on {', '.join(sorted(wanted - days))}"] if wanted - days else []
    said += [f"also on {', '.join(sorted(days - wanted))}"] if days - wanted else []
    return f"it fires {' and '.join(said)}" if said else None
