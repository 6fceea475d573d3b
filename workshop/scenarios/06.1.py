"""Put odd rows aside."""


def good_rows(engine):
    engine.write("pump,pump=P1 bar=2.0\npump,pump=P2 bar=2.4", "plant")


def no_pressure(engine):
    engine.write("pump,pump=P2 rpm=1400\npump,pump=P1 bar=2.1", "plant")


def below_zero(engine):
    engine.write("pump,pump=P3 bar=-1.0\npump,pump=P1 bar=2.2", "plant")


def exactly_zero(engine):
    engine.write("pump,pump=P1 bar=0.0", "plant")
