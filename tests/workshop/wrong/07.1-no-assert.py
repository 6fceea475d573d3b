# fails: quiet-for-a-week, exactly-the-limit, one-for-all
def test_it_runs():
    api = LocalApi(args={"limit": "-15"})
    for temp in (-20, -15, -12):
        api.advance("20m")
        api.call(alarm.process_writes, api.batches(f"freezer,freezer=F1 temp={temp}\nfreezer,freezer=F2 temp={temp}"))
