# fails: two-beds
def process_writes(influxdb3_local, table_batches, args=None):
    for batch in table_batches:
        for row in batch["rows"]:
            bed = row["bed"]
            if row["moisture"] < 30 and not influxdb3_local.cache.get("dry"):
                influxdb3_local.warn(f"{bed} is dry: {row['moisture']}")
                influxdb3_local.cache.put("dry", True, ttl=3600)
