"""The cell defines ``spells(days, below)``; ``Engine``, ``weather`` and ``source`` are the lesson's, of one year."""

SOURCE = """\
def process_writes(influxdb3_local, table_batches, args=None):
    days = int(args["days"])
    for batch in table_batches:
        for row in batch["rows"]:
            dry = influxdb3_local.cache.get(row["city"], 0) + 1 if row["rain"] == 0 else 0
            influxdb3_local.cache.put(row["city"], dry)
            if dry == days:
                influxdb3_local.warn(row["city"], "has been dry for", days, "days")
                line = LineBuilder("dry_spell").tag("city", row["city"]).int64_field("days", days)
                influxdb3_local.write(line.time_ns(row["time"]))
"""


def two_weeks(source):
    return _compared(source, 14, 0.1)


def one_week(source):
    return _compared(source, 7, 0.1)


def a_little_rain(source):
    return _compared(source, 7, 3.0)


def never(source):
    return _compared(source, 300, 0.1)


def _compared(source, days, below):
    from vega_datasets import local_data

    from pe_kit import Engine

    weather = local_data.seattle_weather().rename(columns={"date": "time", "precipitation": "rain"})
    weather = weather.assign(city="seattle")[["city", "rain", "temp_max", "temp_min", "time"]].head(366)
    names = {"Engine": Engine, "weather": weather, "source": SOURCE}
    exec(compile(source, "the cell", "exec", dont_inherit=True), names)
    if "spells" not in names:
        return "There is no function spells."
    given = names["spells"](days=days, below=below)
    wanted = {"spells": _counted(weather["rain"], days, below)}
    return None if given == wanted else f"spells(days={days}, below={below}): expected {wanted}, yours {given!r}"


def _counted(rain, days, below):
    found = dry = 0
    for mm in rain:
        dry = dry + 1 if mm < below else 0
        found += dry == days
    return found
