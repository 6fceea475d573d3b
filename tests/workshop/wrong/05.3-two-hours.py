# fails: one-is-silent, nobody
NEWEST = "SELECT city, temp FROM temperature WHERE time > now() - INTERVAL '2 hours' ORDER BY time"


def process_request(influxdb3_local, query_parameters, request_headers, request_body, args=None):
    rows = influxdb3_local.query(NEWEST)
    if not rows:
        return {"error": "nobody is alive"}, 404
    return {row["city"]: row["temp"] for row in rows}
