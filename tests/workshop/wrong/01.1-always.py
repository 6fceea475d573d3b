# fails: a-cool-reading, exactly-the-limit, several-rows
def process_writes(influxdb3_local, table_batches, args=None):
    for batch in table_batches:
        for row in batch["rows"]:
            influxdb3_local.warn(f"{row['city']} is hot: {row['temp']}")
