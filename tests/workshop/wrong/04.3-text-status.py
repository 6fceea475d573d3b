# fails: a-wrong-word, no-word
def process_request(influxdb3_local, query_parameters, request_headers, request_body, args=None):
    if request_headers.get("x-door") != args["word"]:
        return {"error": "the word is wrong"}, "401"
    return {"door": "open"}
