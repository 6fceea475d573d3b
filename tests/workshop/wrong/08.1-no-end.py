# fails: four-days
def process_writes(influxdb3_local, table_batches, args=None):
    least = int(args["days"])
    for batch in table_batches:
        for row in sorted(batch["rows"], key=lambda row: row["time"]):
            dry, last = influxdb3_local.cache.get(row["city"], (0, 0))
            if row["rain"] == 0:
                influxdb3_local.cache.put(row["city"], (dry + 1, row["time"]))
                continue
            if dry >= least:
                line = LineBuilder("dry_spell").tag("city", row["city"]).int64_field("days", dry)
                influxdb3_local.write(line.time_ns(last))
                influxdb3_local.cache.put(row["city"], (0, 0))
