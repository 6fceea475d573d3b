"""Say it once."""


def _soil(engine, *readings):
    for bed, moisture in readings:
        engine.write(f"soil,bed={bed} moisture={moisture}", "garden")
        engine.advance("10m")


def goes_dry(engine):
    _soil(engine, ("tomato", 35.0), ("tomato", 29.0), ("tomato", 28.0))


def dry_again(engine):
    _soil(engine, ("tomato", 29.0), ("tomato", 35.0), ("tomato", 28.0))


def two_beds(engine):
    _soil(engine, ("tomato", 29.0), ("basil", 28.0))


def exactly_30(engine):
    _soil(engine, ("tomato", 30.0))
