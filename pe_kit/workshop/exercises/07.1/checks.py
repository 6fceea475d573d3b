"""The cell holds tests: they pass with the plugin as it is, and one of them notices each mistake."""

import sys
import types

from pe_kit.testing import LocalApi

ALARM = """\
QUIET = 600


def process_writes(influxdb3_local, table_batches, args=None):
    limit = float(args["limit"])
    for batch in table_batches:
        for row in batch["rows"]:
            if row["temp"] <= limit or influxdb3_local.cache.get(row["freezer"]):
                continue
            influxdb3_local.cache.put(row["freezer"], True, ttl=QUIET)
            line = LineBuilder("alarm").tag("freezer", row["freezer"]).float64_field("temp", row["temp"])
            influxdb3_local.write(line.time_ns(row["time"]))
"""


def the_plugin_as_it_is(source):
    went = _run(source, ALARM)
    if not went:
        return "There is no function whose name begins with test_."
    wrong = [f"{name}: {said}" for name, said in went.items() if said]
    return "; ".join(wrong) or None


def quiet_for_a_week(source):
    return _noticed(source, "ttl=QUIET", "ttl=QUIET * 1000")


def exactly_the_limit(source):
    return _noticed(source, "<= limit", "< limit")


def one_for_all(source):
    return _noticed(source, 'row["freezer"])', '"quiet")', 'put(row["freezer"]', 'put("quiet"')


def _noticed(source, *changes):
    mistaken = ALARM
    for before, after in zip(changes[::2], changes[1::2], strict=True):
        assert before in mistaken
        mistaken = mistaken.replace(before, after, 1)
    good = {name for name, said in _run(source, ALARM).items() if not said}
    went = _run(source, mistaken)
    if any(went.get(name) for name in good):
        return None
    return "No test notices: what passes with the plugin as it is passes with this mistake in it, too."


def _run(source, plugin):
    """Give the test functions of a cell: name -> what it failed with, or nothing."""
    module = types.ModuleType("alarm")
    exec(compile(plugin, "alarm.py", "exec", dont_inherit=True), module.__dict__)
    before = sys.modules.get("alarm")
    sys.modules["alarm"] = module
    names = {"alarm": module, "LocalApi": LocalApi}
    went = {}
    try:
        exec(compile(source, "the cell", "exec", dont_inherit=True), names)
        for name, test in list(names.items()):
            if name.startswith("test_") and callable(test):
                try:
                    test()
                except Exception as error:
                    went[name] = f"{type(error).__name__}: {error}".rstrip(": ")
                else:
                    went[name] = ""
    finally:
        if before is None:
            del sys.modules["alarm"]
        else:
            sys.modules["alarm"] = before
    return went
