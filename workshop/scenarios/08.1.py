"""How long was it dry?"""

FIRST = 1780272000


def days(rain, city="seattle"):
    return [f"day,city={city} rain={mm} {FIRST + 86400 * n}" for n, mm in enumerate(rain)]


def day_by_day(engine, *cities):
    for lines in zip(*cities, strict=True):
        engine.write(list(lines), "weather", precision="s")
        engine.advance("1d")


def five_days(engine):
    day_by_day(engine, days([2.5, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0]))


def four_days(engine):
    day_by_day(engine, days([0.0] * 4 + [3.0] + [0.0] * 6 + [0.3]))


def not_over(engine):
    day_by_day(engine, days([0.0] * 7))


def two_cities(engine):
    seattle = days([4.0] + [0.0] * 5 + [1.5] + [0.0] * 3)
    day_by_day(engine, seattle, days([0.0] * 8 + [0.5, 0.0], city="boise"))


def all_at_once(engine):
    lines = days([0.0] * 6 + [2.0] + [0.0] * 5 + [7.0])
    engine.write([*lines[7:], *lines[3:7], *lines[:3]], "weather", precision="s")
