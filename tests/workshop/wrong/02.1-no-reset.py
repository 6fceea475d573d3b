# fails: dry-again
def process_writes(influxdb3_local, table_batches, args=None):
    for batch in table_batches:
        for row in batch["rows"]:
            bed = row["bed"]
            if row["moisture"] >= 30:
                continue
            if not influxdb3_local.cache.get(bed):
                influxdb3_local.warn(f"{bed} is dry: {row['moisture']}")
                influxdb3_local.cache.put(bed, True)
