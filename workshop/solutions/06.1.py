def process_writes(influxdb3_local, table_batches, args=None):
    for batch in table_batches:
        for row in batch["rows"]:
            bar = row.get("bar")
            if bar is None or bar < 0:
                reason = "no pressure" if bar is None else "below zero"
                line = LineBuilder("odd").tag("pump", row["pump"]).string_field("reason", reason)
            else:
                line = LineBuilder("psi").tag("pump", row["pump"]).float64_field("psi", bar * 14.5)
            influxdb3_local.write(line.time_ns(row["time"]))
