"""A consortium of real nodes: killed, restarted, grown, while it is under load."""
