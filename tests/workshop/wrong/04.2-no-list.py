# fails: an-empty-list
import json


def process_request(influxdb3_local, query_parameters, request_headers, request_body, args=None):
    try:
        readings = json.loads(request_body)
    except ValueError:
        return {"error": "the body is no JSON"}, 400
    if not readings:
        return {"error": "the body is no JSON"}, 400
    for reading in readings:
        line = LineBuilder("home").tag("room", reading["room"]).float64_field("temp", reading["temp"])
        influxdb3_local.write(line.time_ns(reading["ms"] * 1_000_000))
    return {"written": len(readings)}, 201
