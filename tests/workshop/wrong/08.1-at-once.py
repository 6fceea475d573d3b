# fails: four-days, not-over, two-cities, all-at-once
def process_writes(influxdb3_local, table_batches, args=None):
    for batch in table_batches:
        for row in batch["rows"]:
            dry = influxdb3_local.cache.get(row["city"], 0) + 1 if row["rain"] == 0 else 0
            influxdb3_local.cache.put(row["city"], dry)
            if dry == int(args["days"]):
                line = LineBuilder("dry_spell").tag("city", row["city"]).int64_field("days", dry)
                influxdb3_local.write(line.time_ns(row["time"]))
