"""The mean of each hour."""


def _load(engine, *readings):
    lines = [f"temperature,city={city} temp={temp} {_ns(clock)}" for clock, city, temp in readings]
    engine.load("\n".join(lines), "weather", precision="ns")


def _ns(clock):
    hours, minutes = map(int, clock.split(":"))
    return 1_279_411_200_000_000_000 + (hours * 60 + minutes) * 60_000_000_000  # 2010-07-18


def a_full_hour(engine):
    readings = [("8:10", "seattle", 61.0), ("8:30", "seattle", 62.0), ("8:50", "seattle", 66.0)]
    _load(engine, *readings, ("8:20", "phoenix", 91.5))
    engine.advance("1h")


def older_readings(engine):
    _load(engine, ("7:10", "seattle", 41.0), ("8:10", "seattle", 61.0))
    engine.advance("1h")


def on_the_stroke(engine):
    _load(engine, ("8:00", "seattle", 60.0), ("8:30", "seattle", 62.0), ("9:00", "seattle", 90.0))
    engine.advance("1h")


def nothing_came(engine):
    _load(engine, ("7:10", "seattle", 41.0))
    engine.advance("1h")


def called_late(engine):
    _load(engine, ("8:10", "seattle", 61.0), ("11:10", "seattle", 81.0))
    engine.disable_trigger("exercise", "weather")
    engine.advance("4h")
    engine.enable_trigger("exercise", "weather")
    engine.call("exercise", "weather", at="2010-07-18T09:00:00Z")
