def test_the_next_alarm_comes_after_ten_minutes():
    api = LocalApi(args={"limit": "-15"})
    for wait in ("0s", "9m", "2m"):
        api.advance(wait)
        api.call(alarm.process_writes, api.batches("freezer,freezer=F1 temp=-12"))
    assert len(api.lines["db"]) == 2


def test_the_limit_itself_is_cold_enough():
    api = LocalApi(args={"limit": "-15"})
    api.call(alarm.process_writes, api.batches("freezer,freezer=F1 temp=-15"))
    assert api.lines == {}


def test_each_freezer_has_its_own_alarm():
    api = LocalApi(args={"limit": "-15"})
    api.call(alarm.process_writes, api.batches("freezer,freezer=F1 temp=-12\nfreezer,freezer=F2 temp=-11"))
    assert len(api.lines["db"]) == 2
