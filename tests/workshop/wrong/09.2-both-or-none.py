# fails: only-one, no-number
def process_writes(influxdb3_local, table_batches, args=None):
    args = args or {"target": "alarm", "limit": "-15"}
    for batch in table_batches:
        for row in batch["rows"]:
            if row["temp"] > float(args["limit"]):
                line = LineBuilder(args["target"]).tag("freezer", row["freezer"]).float64_field("temp", row["temp"])
                influxdb3_local.write(line.time_ns(row["time"]))
