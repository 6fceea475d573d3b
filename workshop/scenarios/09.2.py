"""One file for everywhere."""


def deploy(engine, arguments):
    engine.create_database("lab")
    engine.create_trigger("exercise", db="lab", path="plugin.py", spec="table:freezer", arguments=arguments)
    engine.write("freezer,freezer=F1 temp=-12.0\nfreezer,freezer=F2 temp=-8.5\nfreezer,freezer=F3 temp=-19.0", "lab")


def both_arguments(engine):
    deploy(engine, {"limit": "-10", "target": "warm"})


def no_arguments(engine):
    deploy(engine, None)


def only_one(engine):
    deploy(engine, {"target": "warm"})


def no_number(engine):
    deploy(engine, {"limit": "warm"})
