"""Hourly temperatures without gaps."""

MIDNIGHT = 1279584000


def fill(engine, temps, city="seattle"):
    lines = [f"temperature,city={city} temp={temp} {MIDNIGHT + 3600 * hour}" for hour, temp in temps.items()]
    engine.load(lines, "weather", precision="s")


def no_gap(engine):
    fill(engine, {0: 61.0, 1: 60.0, 2: 59.5, 3: 59.0, 4: 60.5, 5: 62.0})
    engine.advance("6h")


def a_gap(engine):
    fill(engine, {0: 61.0, 1: 60.0, 4: 66.0, 5: 67.0})
    engine.advance("6h")


def a_late_start(engine):
    fill(engine, {2: 59.5, 3: 59.0, 4: 60.5, 5: 62.0})
    engine.advance("6h")


def two_cities(engine):
    fill(engine, {0: 61.0, 1: 60.0, 3: 62.0, 4: 63.5, 5: 64.0})
    fill(engine, {0: 57.0, 1: 56.5, 2: 56.0, 5: 59.0}, city="san_francisco")
    engine.advance("6h")


def the_next_six_hours(engine):
    fill(engine, {hour: 60.0 + hour for hour in range(13)})
    engine.advance("12h")
