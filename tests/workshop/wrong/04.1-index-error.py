# fails: an-unknown-city
QUERY = "SELECT temp FROM temperature WHERE city = $city ORDER BY time DESC LIMIT 1"


def process_request(influxdb3_local, query_parameters, request_headers, request_body, args=None):
    city = query_parameters.get("city")
    if city is None:
        return {"error": "which city?"}, 400
    rows = influxdb3_local.query(QUERY, {"city": city})
    return {"city": city, "temp": rows[0]["temp"]}
