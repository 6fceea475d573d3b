# fails: hours-of-a-city, above-100, a-clever-city
COUNT = "SELECT count(*) AS hours FROM temperature WHERE city = $city AND temp > $above"


def process_request(influxdb3_local, query_parameters, request_headers, request_body, args=None):
    city = query_parameters["city"]
    rows = influxdb3_local.query(COUNT, {"city": city, "above": float(query_parameters["above"])})
    return {"city": city, "hours": rows[0]["hours"]}
