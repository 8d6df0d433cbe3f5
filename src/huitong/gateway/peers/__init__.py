"""Gateway to gateway: sealed payloads handed over by HTTPS, both sides known by their keys.

Two things must agree before anything is taken:

* The connection: both sides show a self-signed certificate, and each knows the other's
  from its settings.
* The statement that comes with the bytes: signed by an account of the member, naming the
  key of its certificate. That the account is the member's is proven from the state of the
  member's zone, against a header that follows from the own zone's light client.

Plain HTTP can be chosen for trials on this machine; then the statement alone counts.
"""
