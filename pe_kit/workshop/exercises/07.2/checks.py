"""The cell is a plugin that does what this one does, with one query a call."""

from pe_kit import Engine, Limits

OLD = """\
NEWEST = "SELECT warmest FROM setting WHERE freezer = $freezer ORDER BY time DESC LIMIT 1"


def process_writes(influxdb3_local, table_batches, args=None):
    for batch in table_batches:
        for row in batch["rows"]:
            rows = influxdb3_local.query(NEWEST, {"freezer": row["freezer"]})
            limit = rows[0]["warmest"] if rows else -15
            if row["temp"] > limit:
                line = LineBuilder("alarm").tag("freezer", row["freezer"]).float64_field("temp", row["temp"])
                influxdb3_local.write(line.time_ns(row["time"]))
"""
BEFORE = ["setting,freezer=F1 warmest=-10 1", "setting,freezer=F1 warmest=-18 2", "setting,freezer=F2 warmest=-70 1"]
READINGS = "freezer,freezer=F1 temp=-17 5\nfreezer,freezer=F2 temp=-72 5\nfreezer,freezer=F1 temp=-19 6"


def the_same_lines(source):
    return _compared(source, READINGS, "freezer,freezer=F2 temp=-60 7")


def one_query(source):
    most = max(asked for _, asked in _played(source, [READINGS]))
    return None if most <= 1 else f"{most} queries in one call, with {READINGS.count('freezer,')} rows"


def no_setting(source):
    return _compared(source, "freezer,freezer=F9 temp=-14 5\nfreezer,freezer=F8 temp=-16 5")


def a_new_setting(source):
    return _compared(source, READINGS, "setting,freezer=F2 warmest=-75 8", "freezer,freezer=F2 temp=-72 9")


def _compared(source, *writes):
    wanted, given = ([lines for lines, _ in _played(text, writes)] for text in (OLD, source))
    for write, theirs, yours in zip(writes, wanted, given, strict=True):
        if theirs != yours:
            return f"after {write!r}: expected {theirs}, yours {yours}"
    return None


def _played(source, writes):
    """Give for each write the lines that the plugin wrote and its queries; what it raises comes through."""
    found = []
    with Engine(start="2026-01-01", limits=Limits(run_time="10s")) as engine:
        engine.load(BEFORE, "lab", precision="ns")
        engine.write_plugin("plugin.py", source)
        engine.create_trigger("exercise", db="lab", path="plugin.py", spec="table:freezer")
        for write in writes:
            outcome = engine.write(write, "lab", precision="ns")
            outcome.raise_for_error()
            found.append((sorted(outcome.lines.get("lab", [])), max(len(run.queries) for run in outcome.runs)))
    return found
