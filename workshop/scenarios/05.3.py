"""Who is alive?"""


def begin(engine):
    engine.load("temperature,city=portland temp=63.0 1279756800", "weather", precision="s")
    engine.create_last_cache("weather", "temperature", key_columns=["city"], value_columns=["temp"], ttl="30m")
    engine.write("temperature,city=seattle temp=61.5\ntemperature,city=san_francisco temp=58.0", "weather")


def two_cities(engine):
    begin(engine)
    engine.request("alive", method="GET")


def the_newest(engine):
    begin(engine)
    engine.advance("10m")
    engine.write("temperature,city=seattle temp=62.5", "weather")
    engine.write("temperature,city=seattle temp=40.0 1279756800", "weather", precision="s")
    engine.request("alive", method="GET")


def one_is_silent(engine):
    begin(engine)
    engine.advance("50m")
    engine.write("temperature,city=seattle temp=63.0", "weather")
    engine.advance("10m")
    engine.request("alive", method="GET")


def nobody(engine):
    begin(engine)
    engine.advance("1h")
    engine.request("alive", method="GET")
