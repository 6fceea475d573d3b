# fails: after-a-restart
def process_writes(influxdb3_local, table_batches, args=None):
    for batch in table_batches:
        for row in batch["rows"]:
            n = influxdb3_local.cache.get(row["pump"], 0) + 1
            influxdb3_local.cache.put(row["pump"], n)
            line = LineBuilder("starts").tag("pump", row["pump"]).int64_field("n", n)
            influxdb3_local.write(line.time_ns(row["time"]))
