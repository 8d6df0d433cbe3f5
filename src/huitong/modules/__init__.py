"""The state machine's modules; each folder has the same rooms (see ``core.module``)."""
