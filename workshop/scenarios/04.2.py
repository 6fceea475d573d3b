"""Readings by post."""


def two_readings(engine):
    body = [{"room": "kitchen", "temp": 21.5, "ms": 1767225600000}, {"room": "bath", "temp": 24, "ms": 1767225601000}]
    engine.request("readings", json=body)


def to_the_millisecond(engine):
    engine.request("readings", json=[{"room": "kitchen", "temp": 21.5, "ms": 1767225600123}])


def no_json(engine):
    engine.request("readings", body="room=kitchen")


def an_empty_list(engine):
    engine.request("readings", json=[])
