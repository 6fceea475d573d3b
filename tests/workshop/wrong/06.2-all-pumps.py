# fails: another-pump
def process_writes(influxdb3_local, table_batches, args=None):
    for batch in table_batches:
        for row in batch["rows"]:
            n = influxdb3_local.cache.get(row["pump"])
            if n is None:
                try:
                    n = influxdb3_local.query("SELECT max(n) AS n FROM starts")[0]["n"]
                except Exception:
                    n = 0
            influxdb3_local.cache.put(row["pump"], n + 1)
            line = LineBuilder("starts").tag("pump", row["pump"]).int64_field("n", n + 1)
            influxdb3_local.write(line.time_ns(row["time"]))
