"""Payloads at rest: ciphertext in an object store, wrapped keys in the database.

``vault`` is the door of this room: ``Vault``. ``model`` holds what it takes and gives.
"""
