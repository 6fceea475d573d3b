# fails: the-hour-is-over
def process_writes(influxdb3_local, table_batches, args=None):
    for batch in table_batches:
        for row in batch["rows"]:
            if row["moisture"] < 30:
                if not influxdb3_local.cache.get(row["bed"]):
                    influxdb3_local.warn(f"{row['bed']} is dry: {row['moisture']}")
                influxdb3_local.cache.put(row["bed"], True, ttl=3600)
