"""A count that survives."""


def starts(engine, *pumps):
    for pump in pumps:
        engine.write(f"start,pump={pump} ok=true", "plant")
        engine.advance("1h")


def the_first_start(engine):
    starts(engine, "P1")


def three_starts(engine):
    starts(engine, "P1", "P1", "P1")


def after_a_restart(engine):
    starts(engine, "P1", "P1")
    engine.restart()
    starts(engine, "P1", "P1")


def another_pump(engine):
    starts(engine, "P1", "P1")
    engine.restart()
    starts(engine, "P2")


def two_in_one_write(engine):
    engine.write("start,pump=P1 ok=true 1772431200\nstart,pump=P1 ok=true 1772431260", "plant", precision="s")
