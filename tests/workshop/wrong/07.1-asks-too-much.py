# fails: the-plugin-as-it-is, quiet-for-a-week, exactly-the-limit, one-for-all
def test_every_warm_reading_raises_an_alarm():
    api = LocalApi(args={"limit": "-15"})
    for _ in range(3):
        api.advance("1m")
        api.call(alarm.process_writes, api.batches("freezer,freezer=F1 temp=-12\nfreezer,freezer=F2 temp=-15"))
    assert len(api.lines["db"]) == 3
