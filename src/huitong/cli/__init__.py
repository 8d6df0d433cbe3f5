"""The ``huitong`` command: text and exit codes only, one file per command group."""
