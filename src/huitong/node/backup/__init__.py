"""Backups of a node's home, taken while the node runs, and homes made from them.

* ``manifest``: what a backup holds, with the hash of every file.
* ``taking``: from a home to a backup, which appears whole or not at all.
* ``restoring``: from a backup to a new home.
"""

from huitong.node.backup.manifest import Manifest
from huitong.node.backup.restoring import RestoredHome, restore_backup
from huitong.node.backup.taking import TakenBackup, take_backup

__all__ = ["Manifest", "RestoredHome", "TakenBackup", "restore_backup", "take_backup"]
