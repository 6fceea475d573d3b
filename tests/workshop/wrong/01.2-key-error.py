# fails: no-temp
def process_writes(influxdb3_local, table_batches, args=None):
    for batch in table_batches:
        for row in batch["rows"]:
            celsius = (row["temp"] - 32) * 5 / 9
            line = LineBuilder("celsius").tag("city", row["city"]).float64_field("temp", celsius)
            influxdb3_local.write(line.time_ns(row["time"]))
