"""At most once an hour."""


def _soil(engine, bed, moisture):
    engine.write(f"soil,bed={bed} moisture={moisture}", "garden")


def half_an_hour_later(engine):
    _soil(engine, "tomato", 29.0)
    engine.advance("30m")
    _soil(engine, "tomato", 28.0)


def the_hour_is_over(engine):
    _soil(engine, "tomato", 29.0)
    engine.advance("40m")
    _soil(engine, "tomato", 28.0)
    engine.advance("25m")
    _soil(engine, "tomato", 27.0)


def two_beds(engine):
    _soil(engine, "tomato", 29.0)
    engine.advance("1m")
    _soil(engine, "basil", 28.0)
