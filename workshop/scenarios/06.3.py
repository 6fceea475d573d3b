"""An account that does not count itself."""


def one_table(engine):
    engine.write("valve,valve=V1 open=true", "depot")


def two_tables(engine):
    engine.write("valve,valve=V1 open=true\nvalve,valve=V2 open=false\ndoor,door=D1 open=true", "depot")


def audit_comes_first(engine):
    engine.write("audit,table=old rows=7i\nvalve,valve=V1 open=true", "depot")
