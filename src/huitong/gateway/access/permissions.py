"""Which roles may call which operation: one table for the whole gateway.

An operation without a line is closed to everybody, and the gateway does not start with
one. The helper ``huitong.testing.access_matrix`` calls every operation as every role and
holds the answers against this table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from huitong.gateway.access.roles import Duty, Role

OFFICER: Final = Role.OFFICER
INTEGRATOR: Final = Role.INTEGRATOR
SECURITY: Final = Role.SECURITY
AUDITOR: Final = Role.AUDITOR
SYSTEM: Final = Role.SYSTEM


@dataclass(frozen=True, slots=True)
class Permission:
    """Who may call an operation."""

    duty: Duty
    """What the operation is for."""
    roles: frozenset[Role]
    """Roles that may call it; each of them suffices."""
    is_public: bool = False
    """Whether it needs no caller at all."""

    def allows(self, roles: frozenset[Role]) -> bool:
        """Tell whether a caller with these roles may."""
        return self.is_public or not self.roles.isdisjoint(roles)


Permissions: TypeAlias = Mapping[str, Permission]
"""Permissions by operation id."""


def allow(duty: Duty, *roles: Role) -> Permission:
    """Return the permission of some roles."""
    return Permission(duty, frozenset(roles))


PUBLIC: Final = Permission(Duty.READ, frozenset(), is_public=True)
"""For health, the error page and the checking of evidence."""

_EVERYBODY: Final = (OFFICER, INTEGRATOR, SECURITY, AUDITOR, SYSTEM)
_BUSINESS: Final = (OFFICER, INTEGRATOR, AUDITOR)

PERMISSIONS: Final[Permissions] = {
    # whether it runs
    "getLiveness": PUBLIC,
    "getReadiness": PUBLIC,
    # the world around
    "listZones": allow(Duty.READ, *_EVERYBODY),
    "listLinks": allow(Duty.READ, *_EVERYBODY),
    "listMembers": allow(Duty.READ, *_EVERYBODY),
    "getMember": allow(Duty.READ, *_EVERYBODY),
    "listCatalogue": allow(Duty.READ, *_BUSINESS),
    # records
    "publishRecord": allow(Duty.OPERATE, INTEGRATOR),
    "publishFile": allow(Duty.OPERATE, INTEGRATOR),
    "publishVersion": allow(Duty.OPERATE, INTEGRATOR),
    "publishFileVersion": allow(Duty.OPERATE, INTEGRATOR),
    "getPublication": allow(Duty.READ, *_BUSINESS),
    "listRecords": allow(Duty.READ, *_BUSINESS),
    "getRecord": allow(Duty.READ, *_BUSINESS),
    "setRecordStatus": allow(Duty.OPERATE, INTEGRATOR, OFFICER),
    # exchanges
    "createRequest": allow(Duty.OPERATE, INTEGRATOR, OFFICER),
    "listRequests": allow(Duty.READ, *_BUSINESS),
    "decideRequest": allow(Duty.DECIDE, OFFICER),
    "listExchanges": allow(Duty.READ, *_BUSINESS, SYSTEM),
    "getExchange": allow(Duty.READ, *_BUSINESS, SYSTEM),
    "confirmExchange": allow(Duty.OPERATE, INTEGRATOR, OFFICER),
    "retryExchange": allow(Duty.OPERATE, INTEGRATOR, SYSTEM),
    "cancelExchange": allow(Duty.OPERATE, INTEGRATOR, OFFICER),
    "downloadDisclosure": allow(Duty.OPERATE, INTEGRATOR, OFFICER),
    "downloadDocument": allow(Duty.OPERATE, INTEGRATOR, OFFICER),
    # subscriptions
    "createSubscription": allow(Duty.OPERATE, INTEGRATOR, OFFICER),
    "listSubscriptions": allow(Duty.READ, *_BUSINESS, SYSTEM),
    "getSubscription": allow(Duty.READ, *_BUSINESS, SYSTEM),
    "decideSubscription": allow(Duty.DECIDE, OFFICER),
    "endSubscription": allow(Duty.OPERATE, INTEGRATOR, OFFICER),
    # grants and consents
    "listGrants": allow(Duty.READ, *_BUSINESS),
    "getGrant": allow(Duty.READ, *_BUSINESS),
    "giveGrant": allow(Duty.DECIDE, OFFICER),
    "withdrawGrant": allow(Duty.DECIDE, OFFICER),
    "listConsents": allow(Duty.READ, *_BUSINESS),
    "getConsent": allow(Duty.READ, *_BUSINESS),
    "recordConsent": allow(Duty.DECIDE, OFFICER),
    "withdrawConsent": allow(Duty.DECIDE, OFFICER),
    # evidence
    "makeExchangeEvidence": allow(Duty.READ, *_BUSINESS),
    "downloadExchangeEvidence": allow(Duty.READ, *_BUSINESS),
    "downloadEvidenceReport": allow(Duty.READ, *_BUSINESS),
    "makeEvidence": allow(Duty.READ, *_BUSINESS),
    "verifyEvidence": PUBLIC,
    # open records of others, and who read what
    "readRecords": allow(Duty.OPERATE, INTEGRATOR, OFFICER),
    "listSubjectReads": allow(Duty.READ, OFFICER, AUDITOR),
    # records that move to members of other zones
    "offerHandOver": allow(Duty.DECIDE, OFFICER),
    "listHandOvers": allow(Duty.READ, *_BUSINESS, SYSTEM),
    "getHandOver": allow(Duty.READ, *_BUSINESS, SYSTEM),
    "decideHandOver": allow(Duty.DECIDE, OFFICER),
    "downloadHandOverDocument": allow(Duty.OPERATE, INTEGRATOR, OFFICER),
    # facts of other zones
    "importFact": allow(Duty.OPERATE, INTEGRATOR, OFFICER),
    "listFacts": allow(Duty.READ, *_BUSINESS),
    "getFact": allow(Duty.READ, *_BUSINESS),
    "refreshFact": allow(Duty.OPERATE, INTEGRATOR, OFFICER),
    "watchFact": allow(Duty.OPERATE, INTEGRATOR, OFFICER),
    # what goes on, and what is stuck
    "listJobs": allow(Duty.READ, *_BUSINESS, SYSTEM),
    "getJob": allow(Duty.READ, *_BUSINESS, SYSTEM),
    "listUndelivered": allow(Duty.READ, *_BUSINESS, SYSTEM),
    "retryJob": allow(Duty.OPERATE, INTEGRATOR, SYSTEM),
    "skipJob": allow(Duty.OPERATE, INTEGRATOR, SYSTEM),
    "cancelJob": allow(Duty.OPERATE, INTEGRATOR, SYSTEM),
    # what happens
    "listEvents": allow(Duty.READ, *_EVERYBODY),
    "streamEvents": allow(Duty.READ, *_EVERYBODY),
    "listWebhooks": allow(Duty.ADMINISTER, SECURITY),
    "createWebhook": allow(Duty.ADMINISTER, SECURITY),
    "getWebhook": allow(Duty.ADMINISTER, SECURITY),
    "removeWebhook": allow(Duty.ADMINISTER, SECURITY),
    "rotateWebhookSecret": allow(Duty.ADMINISTER, SECURITY),
    "testWebhook": allow(Duty.ADMINISTER, SECURITY),
    # who may call
    "listApiKeys": allow(Duty.ADMINISTER, SECURITY),
    "createApiKey": allow(Duty.ADMINISTER, SECURITY),
    "rotateApiKey": allow(Duty.ADMINISTER, SECURITY),
    "revokeApiKey": allow(Duty.ADMINISTER, SECURITY),
    "getCaller": allow(Duty.READ, *_EVERYBODY),
    # what they did
    "listAuditEntries": allow(Duty.AUDIT, AUDITOR),
    "getAuditHead": allow(Duty.AUDIT, AUDITOR),
    "verifyAuditLog": allow(Duty.AUDIT, AUDITOR),
}
"""All operations of the gateway; each resource's part stands together."""
