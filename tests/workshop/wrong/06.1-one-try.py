# fails: no-pressure, below-zero
def process_writes(influxdb3_local, table_batches, args=None):
    for batch in table_batches:
        try:
            for row in batch["rows"]:
                line = LineBuilder("psi").tag("pump", row["pump"]).float64_field("psi", row["bar"] * 14.5)
                influxdb3_local.write(line.time_ns(row["time"]))
        except KeyError:
            influxdb3_local.warn("a row without a pressure")
