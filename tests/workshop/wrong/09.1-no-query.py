# fails: still-works
def process_writes(influxdb3_local, table_batches, args=None):
    for batch in table_batches:
        for row in batch["rows"]:
            if row["temp"] <= -15:
                continue
            n = 0
            influxdb3_local.warn(row["freezer"], "is too warm")
            line = LineBuilder("alarm").tag("freezer", row["freezer"]).int64_field("n", n + 1)
            influxdb3_local.write_sync(line, no_sync=True)
