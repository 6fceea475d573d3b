# fails: a-new-setting
def process_writes(influxdb3_local, table_batches, args=None):
    limits = influxdb3_local.cache.get("limits")
    if limits is None:
        settings = influxdb3_local.query("SELECT freezer, warmest FROM setting ORDER BY time")
        limits = {row["freezer"]: row["warmest"] for row in settings}
        influxdb3_local.cache.put("limits", limits)
    for batch in table_batches:
        for row in batch["rows"]:
            if row["temp"] > limits.get(row["freezer"], -15):
                line = LineBuilder("alarm").tag("freezer", row["freezer"]).float64_field("temp", row["temp"])
                influxdb3_local.write(line.time_ns(row["time"]))
