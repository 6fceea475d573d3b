# fails: three-readings, a-fourth-reading
def process_writes(influxdb3_local, table_batches, args=None):
    for batch in table_batches:
        for row in batch["rows"]:
            last = influxdb3_local.cache.get(row["bed"], default=[])
            last = [*last, row["moisture"]][-3:]
            line = LineBuilder("smooth").tag("bed", row["bed"]).float64_field("moisture", sum(last) / len(last))
            influxdb3_local.write(line.time_ns(row["time"]))
