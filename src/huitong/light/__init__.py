"""Light clients: how one zone follows another's consensus without trusting a messenger.

Pure code: every function takes the state, the message and the time, and returns or
raises. ``registry`` names the kinds of client; each kind has a folder of its own.
"""
