"""Webhooks: events in CloudEvents form, signed so that the receiver can tell who sent them."""
