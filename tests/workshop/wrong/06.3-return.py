# fails: audit-comes-first
def process_writes(influxdb3_local, table_batches, args=None):
    for batch in table_batches:
        if batch["table_name"] == "audit":
            return
        line = LineBuilder("audit").tag("table", batch["table_name"]).int64_field("rows", len(batch["rows"]))
        influxdb3_local.write(line)
