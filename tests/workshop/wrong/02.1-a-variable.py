# fails: goes-dry
warned = {}


def process_writes(influxdb3_local, table_batches, args=None):
    for batch in table_batches:
        for row in batch["rows"]:
            bed = row["bed"]
            if row["moisture"] >= 30:
                warned[bed] = False
            elif not warned.get(bed):
                influxdb3_local.warn(f"{bed} is dry: {row['moisture']}")
                warned[bed] = True
