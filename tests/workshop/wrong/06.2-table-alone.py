# fails: two-in-one-write
def process_writes(influxdb3_local, table_batches, args=None):
    for batch in table_batches:
        for row in batch["rows"]:
            try:
                rows = influxdb3_local.query("SELECT max(n) AS n FROM starts WHERE pump = $pump", {"pump": row["pump"]})
                n = (rows[0]["n"] or 0) + 1
            except Exception:
                n = 1
            line = LineBuilder("starts").tag("pump", row["pump"]).int64_field("n", n)
            influxdb3_local.write(line.time_ns(row["time"]))
