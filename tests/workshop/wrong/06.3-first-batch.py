# fails: two-tables, audit-comes-first
def process_writes(influxdb3_local, table_batches, args=None):
    batch = table_batches[0]
    if batch["table_name"] != "audit":
        line = LineBuilder("audit").tag("table", batch["table_name"]).int64_field("rows", len(batch["rows"]))
        influxdb3_local.write(line)
