# fails: given-limit, a-limit-with-a-point
def process_writes(influxdb3_local, table_batches, args=None):
    limit = (args or {}).get("limit", 75)
    for batch in table_batches:
        for row in batch["rows"]:
            if row["temp"] > limit:
                influxdb3_local.warn(f"{row['city']} is hot: {row['temp']}")
