# fails: no-setting
def process_writes(influxdb3_local, table_batches, args=None):
    settings = influxdb3_local.query("SELECT freezer, warmest FROM setting ORDER BY time")
    limits = {row["freezer"]: row["warmest"] for row in settings}
    for batch in table_batches:
        for row in batch["rows"]:
            if row["temp"] > limits[row["freezer"]]:
                line = LineBuilder("alarm").tag("freezer", row["freezer"]).float64_field("temp", row["temp"])
                influxdb3_local.write(line.time_ns(row["time"]))
