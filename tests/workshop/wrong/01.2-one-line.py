# fails: two-cities
def process_writes(influxdb3_local, table_batches, args=None):
    line = None
    for batch in table_batches:
        for row in batch["rows"]:
            if "temp" in row:
                celsius = (row["temp"] - 32) * 5 / 9
                line = LineBuilder("celsius").tag("city", row["city"]).float64_field("temp", celsius)
                line.time_ns(row["time"])
    if line is not None:
        influxdb3_local.write(line)
