"""The magic word."""


def the_right_word(engine):
    engine.request("door", headers={"X-Door": "please"})


def a_wrong_word(engine):
    engine.request("door", headers={"X-Door": "sesame"})


def no_word(engine):
    engine.request("door")
