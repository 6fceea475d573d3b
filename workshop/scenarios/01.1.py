"""Warn when a city is hot."""


def a_hot_reading(engine):
    engine.write("temperature,city=seattle temp=81.5", "weather")


def a_cool_reading(engine):
    engine.write("temperature,city=seattle temp=64.0", "weather")


def exactly_the_limit(engine):
    engine.write("temperature,city=seattle temp=75.0", "weather")


def several_rows(engine):
    cities = {"boston": 76.0, "phoenix": 101.5, "seattle": 64.0, "denver": 80.25}
    engine.write("\n".join(f"temperature,city={city} temp={temp}" for city, temp in cities.items()), "weather")
