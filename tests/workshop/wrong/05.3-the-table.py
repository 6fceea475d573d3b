# fails: two-cities, the-newest, one-is-silent, nobody
def process_request(influxdb3_local, query_parameters, request_headers, request_body, args=None):
    rows = influxdb3_local.query("SELECT city, temp FROM temperature ORDER BY time")
    if not rows:
        return {"error": "nobody is alive"}, 404
    return {row["city"]: row["temp"] for row in rows}
