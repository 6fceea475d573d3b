# fails: two-weeks, one-week, a-little-rain, never
def spells(days, below):
    engine = Engine(start="2012-01-01T00:00:00Z")
    engine.create_database("weather")
    engine.write_plugin("dry.py", source.replace('row["rain"] == 0', 'row["rain"] < float(args["below"])'))
    arguments = {"days": days, "below": below}
    engine.create_trigger("dry", db="weather", path="dry.py", spec="table:day", arguments=arguments)
    done = engine.backtest(weather, "weather", table="day", tags=["city"], flush_every="1d", progress=False)
    return {"spells": int(done.totals["lines_out"].sum())}
