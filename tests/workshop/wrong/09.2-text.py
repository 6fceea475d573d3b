# fails: both-arguments, no-arguments, only-one, no-number
def process_writes(influxdb3_local, table_batches, args=None):
    args = args or {}
    target = args.get("target", "alarm")
    limit = args.get("limit", "-15")
    for batch in table_batches:
        for row in batch["rows"]:
            if row["temp"] > limit:
                line = LineBuilder(target).tag("freezer", row["freezer"]).float64_field("temp", row["temp"])
                influxdb3_local.write(line.time_ns(row["time"]))
