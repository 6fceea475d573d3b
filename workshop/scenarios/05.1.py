"""The warm hours of the day."""

HOURS = """\
temperature,city=seattle temp=68.0 1279713600
temperature,city=seattle temp=71.5 1279717200
temperature,city=seattle temp=74.3 1279720800
temperature,city=seattle temp=69.5 1279800000
temperature,city=seattle temp=72.0 1279803600
temperature,city=seattle temp=70.0 1279807200
temperature,city=san_francisco temp=58.0 1279713600
temperature,city=san_francisco temp=57.5 1279717200
temperature,city=san_francisco temp=59.2 1279803600
"""


def ask(engine, city, above):
    engine.load(HOURS, "weather", precision="s")
    engine.request("warm", method="GET", params={"city": city, "above": above})


def two_days(engine):
    ask(engine, "seattle", "70")


def above_100(engine):
    ask(engine, "seattle", "100")


def another_city(engine):
    ask(engine, "san_francisco", "57.5")
