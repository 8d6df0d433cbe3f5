"""What the gateway tells its surroundings: events in CloudEvents form (version 1.0).

* ``register``: every type of event, and which roles see it.
* ``telling``: the one call that records an event beside a change, in its transaction.
* ``zone_news``: what the own zone's blocks say of this member.
* ``log``: the events in the order in which they are told; numbered, read, cleared away.
* ``news``, ``streaming``: events as they happen, to callers that keep listening.
"""
