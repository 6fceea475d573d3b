"""A limit that can be set."""


def _fire(engine, arguments, *temps):
    engine.create_trigger("exercise", db="weather", path="plugin.py", spec="table:temperature", arguments=arguments)
    for temp in temps:
        engine.write(f"temperature,city=seattle temp={temp}", "weather")


def given_limit(engine):
    engine.create_database("weather")
    _fire(engine, {"limit": "60"}, 64.0, 58.0)


def a_limit_with_a_point(engine):
    engine.create_database("weather")
    _fire(engine, {"limit": "60.5"}, 60.75, 60.25)


def no_arguments(engine):
    engine.create_database("weather")
    _fire(engine, None, 81.5, 64.0)


def other_arguments(engine):
    engine.create_database("weather")
    _fire(engine, {"room": "attic"}, 81.5, 64.0)
