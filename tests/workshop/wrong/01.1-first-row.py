# fails: several-rows
def process_writes(influxdb3_local, table_batches, args=None):
    for batch in table_batches:
        row = batch["rows"][0]
        if row["temp"] > 75:
            influxdb3_local.warn(f"{row['city']} is hot: {row['temp']}")
