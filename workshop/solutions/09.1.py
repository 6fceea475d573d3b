BEFORE = "SELECT count(*) AS n FROM alarm WHERE freezer = $freezer"


def process_writes(influxdb3_local, table_batches, args=None):
    for batch in table_batches:
        for row in batch["rows"]:
            if row["temp"] <= -15:
                continue
            try:
                n = influxdb3_local.query(BEFORE, {"freezer": row["freezer"]})[0]["n"]
            except Exception:
                n = 0
            influxdb3_local.warn(row["freezer"], "is too warm")
            line = LineBuilder("alarm").tag("freezer", row["freezer"]).int64_field("n", n + 1)
            influxdb3_local.write_sync(line, no_sync=True)
