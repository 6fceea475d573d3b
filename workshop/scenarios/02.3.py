"""The mean of the last three."""


def _soil(engine, *readings):
    for bed, moisture in readings:
        engine.write(f"soil,bed={bed} moisture={moisture}", "garden")
        engine.advance("10m")


def the_first_reading(engine):
    _soil(engine, ("tomato", 36.0))


def three_readings(engine):
    _soil(engine, *(("tomato", moisture) for moisture in (36.0, 30.0, 33.0)))


def a_fourth_reading(engine):
    _soil(engine, *(("tomato", moisture) for moisture in (36.0, 30.0, 33.0, 24.0)))


def two_beds(engine):
    _soil(engine, ("tomato", 36.0), ("basil", 50.0))
