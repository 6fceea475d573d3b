"""The sensor that fell silent."""


def _load(engine, *readings):
    ns = [1_279_411_200_000_000_000 + (h * 60 + m) * 60_000_000_000 for h, m, _ in readings]  # from 2010-07-18 on
    lines = [f"temperature,city={city} temp=61.0 {t}" for t, (_, _, city) in zip(ns, readings, strict=True)]
    engine.load("\n".join(lines), "weather", precision="ns")


def _call_at(engine, clock):
    engine.disable_trigger("exercise", "weather")
    engine.advance_to(f"2010-07-18T{clock}:00Z")
    engine.enable_trigger("exercise", "weather")
    engine.call("exercise", "weather", at=f"2010-07-18T{clock}:00Z")


def silent(engine):
    _load(engine, (8, 0, "seattle"), (8, 30, "phoenix"))
    _call_at(engine, "08:35")


def half_an_hour_exactly(engine):
    _load(engine, (8, 0, "seattle"))
    _call_at(engine, "08:30")


def still_talking(engine):
    _load(engine, (8, 0, "seattle"), (8, 25, "seattle"))
    _call_at(engine, "08:35")


def before_any_reading(engine):
    engine.advance("5m")
