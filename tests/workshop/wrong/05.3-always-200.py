# fails: nobody
def process_request(influxdb3_local, query_parameters, request_headers, request_body, args=None):
    rows = influxdb3_local.query("SELECT city, temp FROM last_cache('temperature')")
    return {row["city"]: row["temp"] for row in rows}
