# fails: quiet-for-a-week, one-for-all
def test_a_warm_freezer_raises_an_alarm():
    api = LocalApi(args={"limit": "-15"})
    api.call(alarm.process_writes, api.batches("freezer,freezer=F1 temp=-12 1000"))
    assert api.lines == {"db": ["alarm,freezer=F1 temp=-12.0 1000"]}


def test_a_cold_freezer_raises_none():
    api = LocalApi(args={"limit": "-15"})
    api.call(alarm.process_writes, api.batches("freezer,freezer=F1 temp=-15 1000"))
    assert api.lines == {}
