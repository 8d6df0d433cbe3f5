"""Webhooks: events in CloudEvents form, signed so that the receiver can tell who sent them.

* ``book``: the subscriptions, and feeding them with events.
* ``delivery``: one attempt at one event, as a step of the outbox.
* ``sending``: the request itself; ``addresses`` says where to it may go.
* ``secrets``: what messages are signed with; the form is in ``huitong.sdk.webhooks``.
"""
