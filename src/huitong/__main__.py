"""``python -m huitong`` is the same as ``huitong``."""

from huitong.cli.main import main

main()
