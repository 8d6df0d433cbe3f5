"""The REST interface ``/v1``: one file for each resource, its bodies beside it."""
