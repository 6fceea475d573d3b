# fails: a-quote-in-the-name
def process_request(influxdb3_local, query_parameters, request_headers, request_body, args=None):
    city = query_parameters.get("city")
    if city is None:
        return {"error": "which city?"}, 400
    rows = influxdb3_local.query(f"SELECT temp FROM temperature WHERE city = '{city}' ORDER BY time DESC LIMIT 1")
    if not rows:
        return {"error": f"nothing is known of {city}"}, 404
    return {"city": city, "temp": rows[0]["temp"]}
