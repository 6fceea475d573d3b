"""How warm is it?"""

READINGS = """\
temperature,city=seattle temp=61.0 1279440000
temperature,city=seattle temp=64.5 1279443600
temperature,city=phoenix temp=91.5 1279443600
temperature,city=O'Fallon temp=88.0 1279443600"""


def _ask(engine, params):
    engine.load(READINGS, "weather", precision="s")
    engine.request("now", method="GET", params=params)


def a_known_city(engine):
    _ask(engine, {"city": "seattle"})


def an_unknown_city(engine):
    _ask(engine, {"city": "oslo"})


def no_city(engine):
    _ask(engine, None)


def a_quote_in_the_name(engine):
    _ask(engine, {"city": "O'Fallon"})
