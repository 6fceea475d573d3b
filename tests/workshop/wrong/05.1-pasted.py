# fails: a-clever-city
def process_request(influxdb3_local, query_parameters, request_headers, request_body, args=None):
    city, above = query_parameters["city"], float(query_parameters["above"])
    rows = influxdb3_local.query(f"SELECT count(*) AS hours FROM temperature WHERE temp > {above} AND city = '{city}'")
    return {"city": city, "hours": rows[0]["hours"]}
