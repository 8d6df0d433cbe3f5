"""The definitions of a gateway's folder, read again whenever a file changes."""

from __future__ import annotations

from pathlib import Path
from typing import Final, TypeAlias, final

from huitong.gateway.connectors.definition import SinkDefinition, SourceDefinition
from huitong.gateway.connectors.errors import (
    ConnectorNotFoundError,
    DefinitionError,
    WrongKindError,
)
from huitong.gateway.connectors.loading import read_definition

Definition: TypeAlias = SourceDefinition | SinkDefinition

#: Definitions in one folder.
DEFINITIONS_MAX: Final = 200
_PATTERN: Final = "*.yaml"
_Look: TypeAlias = tuple[tuple[str, int, int], ...]


@final
class Shelf:
    """What is defined; one wrong file takes no other connector away."""

    def __init__(self, folder: Path) -> None:
        """Use a folder, which need not exist; ``refresh`` reads it."""
        self.folder = folder
        """Where the definitions are."""
        self.faults: tuple[DefinitionError, ...] = ()
        """Why files were not taken."""
        self._known: dict[str, Definition] = {}
        self._seen: _Look | None = None

    def refresh(self) -> bool:
        """Read the folder if a file was added, changed or removed; return whether it was."""
        try:
            look = self._look()
        except OSError as error:
            reason = error.strerror or type(error).__name__
            self.faults = (DefinitionError(path=self.folder, reason=reason),)
            return False
        if look == self._seen:
            return False
        self._seen = look
        self._known, self.faults = {}, ()
        for name, _, _ in look[:DEFINITIONS_MAX]:
            try:
                self._take(self.folder / name)
            except DefinitionError as fault:
                self.faults += (fault,)
        if len(look) > DEFINITIONS_MAX:
            reason = f"{len(look)} files, at most {DEFINITIONS_MAX}"
            self.faults += (DefinitionError(path=self.folder, reason=reason),)
        return True

    @property
    def sources(self) -> list[SourceDefinition]:
        """The sources, by name."""
        found = (self._known[name] for name in sorted(self._known))
        return [each for each in found if isinstance(each, SourceDefinition)]

    @property
    def sinks(self) -> list[SinkDefinition]:
        """The sinks, by name."""
        found = (self._known[name] for name in sorted(self._known))
        return [each for each in found if isinstance(each, SinkDefinition)]

    def get(self, name: str) -> Definition:
        """Return a definition.

        Raises:
            DefinitionError: nothing has this name, and a file that might is wrong.
            ConnectorNotFoundError: nothing has this name.
        """
        if name in self._known:
            return self._known[name]
        if self.faults:
            raise self.faults[0]
        raise ConnectorNotFoundError(connector=name)

    def source(self, name: str) -> SourceDefinition:
        """Return a source.

        Raises:
            DefinitionError, ConnectorNotFoundError: see ``get``.
            WrongKindError: it is a sink.
        """
        found = self.get(name)
        if not isinstance(found, SourceDefinition):
            raise WrongKindError(connector=name, actual="sink", wanted="source")
        return found

    def sink(self, name: str) -> SinkDefinition:
        """Return a sink.

        Raises:
            DefinitionError, ConnectorNotFoundError: see ``get``.
            WrongKindError: it is a source.
        """
        found = self.get(name)
        if not isinstance(found, SinkDefinition):
            raise WrongKindError(connector=name, actual="source", wanted="sink")
        return found

    def _look(self) -> _Look:
        found = []
        for path in sorted(self.folder.glob(_PATTERN)):
            stat = path.stat()
            found.append((path.name, stat.st_mtime_ns, stat.st_size))
        return tuple(found)

    def _take(self, path: Path) -> None:
        definition = read_definition(path)
        name = definition.connector
        if name in self._known:
            reason = f"connector: {name!r} is defined twice"
            raise DefinitionError(path=path, reason=reason)
        self._known[name] = definition
