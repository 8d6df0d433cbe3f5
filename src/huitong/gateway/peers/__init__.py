"""Gateway to gateway: sealed payloads handed over by HTTPS, both sides known by their keys."""
