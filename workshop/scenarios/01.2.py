"""Readings in °C."""


def one_reading(engine):
    engine.write("temperature,city=seattle temp=81.5", "weather")


def time_of_the_reading(engine):
    engine.write("temperature,city=seattle temp=81.5 1279407600", "weather", precision="s")  # an hour ago


def two_cities(engine):
    engine.write("temperature,city=seattle temp=50.0\ntemperature,city=phoenix temp=104.0", "weather")


def no_temp(engine):
    engine.write("temperature,city=seattle humidity=0.8\ntemperature,city=phoenix temp=104.0", "weather")
