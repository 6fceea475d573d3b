"""How many hours were warmer?"""

HOURS = """\
temperature,city=seattle temp=61.5 1279756800
temperature,city=seattle temp=68.0 1279760400
temperature,city=seattle temp=71.5 1279764000
temperature,city=seattle temp=74.3 1279767600
temperature,city=san_francisco temp=70.2 1279756800
"""


def ask(engine, city, above):
    engine.load(HOURS, "weather", precision="s")
    engine.request("warmer", method="GET", params={"city": city, "above": above})


def hours_of_a_city(engine):
    ask(engine, "seattle", "70")


def above_100(engine):
    ask(engine, "seattle", "100")


def a_clever_city(engine):
    ask(engine, "seattle' OR city <> '", "70")
