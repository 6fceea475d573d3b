# fails: no-pressure, below-zero
def process_writes(influxdb3_local, table_batches, args=None):
    for batch in table_batches:
        for row in batch["rows"]:
            if row.get("bar", -1) < 0:
                continue
            line = LineBuilder("psi").tag("pump", row["pump"]).float64_field("psi", row["bar"] * 14.5)
            influxdb3_local.write(line.time_ns(row["time"]))
