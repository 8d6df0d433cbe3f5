"""The zone's decision, taken by the gateway before anything is sent.

What a decision rests on is read from the state of a zone, key by key, and handed to the
functions that the zone itself runs; so a request or a version that the zone would refuse is
refused here with the same code. The zone decides all the same: its state may be newer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final, final

from huitong.client.zone import ZoneClient
from huitong.core.codec import decode
from huitong.core.time import NS_PER_SECOND
from huitong.gateway.exchange.errors import AnswerMissingError
from huitong.gateway.exchange.links import Links
from huitong.modules.exchange.errors import FieldsNotAskedError
from huitong.modules.exchange.facts import Facts, asked_of, user_of
from huitong.modules.exchange.keys import PARAMS_KEY, PORT_ID, waiting_count_key
from huitong.modules.exchange.keys import STORE as EXCHANGE_STORE
from huitong.modules.exchange.policy import REFUSED
from huitong.modules.exchange.sharing import (
    check_consented,
    judge_sharing,
    not_shareable,
)
from huitong.modules.exchange.standing import decide_request
from huitong.modules.exchange.state import DEFAULT_PARAMS
from huitong.modules.grants.coverage import Asked
from huitong.modules.grants.keys import STORE as GRANTS_STORE
from huitong.modules.grants.keys import consent_key, grant_key, scope_key
from huitong.modules.links import keys as link_keys
from huitong.modules.links.keys import STORE as LINKS_STORE
from huitong.modules.members.keys import STORE as MEMBERS_STORE
from huitong.modules.members.keys import member_key
from huitong.modules.members.state import find_hindrance
from huitong.modules.policies.keys import STORE as POLICIES_STORE
from huitong.modules.policies.keys import policy_key
from huitong.modules.records.keys import STORE as RECORDS_STORE
from huitong.modules.records.keys import archive_key, record_key
from huitong.proto.huitong.exchange.v1.exchange_pb2 import Params, RequestPacket
from huitong.proto.huitong.grants.v1.grants_pb2 import Consent, Grant
from huitong.proto.huitong.members.v1.members_pb2 import Member
from huitong.proto.huitong.policies.v1 import policies_pb2
from huitong.proto.huitong.policies.v1.policies_pb2 import Policy
from huitong.proto.huitong.records.v1.records_pb2 import (
    RECORD_STATUS_SUPERSEDED,
    RecordHeader,
)
from huitong.proto.ibc.core.channel.v1.channel_pb2 import Channel
from huitong.proto.ibc.core.connection.v1.connection_pb2 import ConnectionEnd

_USES_PATH: Final = "/huitong.policies.v1.Query/BreakGlassUses"
_ID_SIZE_BYTES: Final = 8


@final
class PolicyPoint:
    """Reads what decisions of one zone rest on; each value once, so use it once."""

    def __init__(
        self, zone: ZoneClient, *, clock: Callable[[], int] = time.time_ns
    ) -> None:
        """Prepare; nothing is asked yet.

        Args:
            zone: a node of the zone that decides.
            clock: nanoseconds since the epoch; the zone has its own.
        """
        self._zone = zone
        self._clock = clock
        self._known: dict[tuple[str, bytes], bytes | None] = {}

    async def find_version(
        self, issuer: str, record_id: str, version: int
    ) -> RecordHeader | None:
        """Return a version of a record, None if there is none; 0 means the head."""
        value = await self._get(RECORDS_STORE, record_key(issuer, record_id))
        if value is None:
            return None
        head = RecordHeader.FromString(value)
        if version in (0, head.version):
            return head
        key = archive_key(issuer, record_id, version)
        value = await self._get(RECORDS_STORE, key)
        return None if value is None else RecordHeader.FromString(value)

    async def find_pushable(
        self, issuer: str, record_id: str, version: int
    ) -> RecordHeader | None:
        """Return a version as a push sees it: an older one has the head's status."""
        header = await self.find_version(issuer, record_id, version)
        if header is not None and header.status == RECORD_STATUS_SUPERSEDED:
            head = await self.find_version(issuer, record_id, 0)
            header.status = header.status if head is None else head.status
        return header

    async def find_grant(self, grant_id: int) -> Grant | None:
        """Return a grant, or None."""
        value = await self._get(GRANTS_STORE, grant_key(grant_id))
        return None if value is None else Grant.FromString(value)

    async def find_consent(self, consent_id: int) -> Consent | None:
        """Return a consent, or None."""
        value = await self._get(GRANTS_STORE, consent_key(consent_id))
        return None if value is None else Consent.FromString(value)

    async def client_of(self, channel_id: str) -> str:
        """Return the light client below a channel of that zone.

        Raises:
            AnswerMissingError: there is no such channel.
        """
        value = await self._get(LINKS_STORE, link_keys.channel(PORT_ID, channel_id))
        hops = decode(Channel, value).connection_hops if value else ()
        key = link_keys.connection(hops[0]) if hops else b""
        value = await self._get(LINKS_STORE, key) if key else None
        if value is None:
            chain_id = await self._zone.chain_id()
            raise AnswerMissingError(zone=chain_id, what=channel_id)
        return decode(ConnectionEnd, value).client_id

    async def check_grantable(
        self, channel_id: str, request: RequestPacket, fields: Sequence[str]
    ) -> None:
        """Check that an officer may grant this now, as the zone will check it.

        Args:
            channel_id: channel of that zone on which the request came in.
            request: what is asked for.
            fields: those to be granted; none stand for those asked for.

        Raises:
            NotShareableError: the zone's rules, the policy or a consent forbid it.
            FieldsNotAskedError: a field was not asked for.
        """
        if request.record_type:  # standing; each version is judged when there is one
            if not await self._is_in_force(request.issuer):
                raise not_shareable(request, "issuer")
            for name in fields:
                if name not in request.fields:
                    raise FieldsNotAskedError(name=name)
            return
        facts = await self.facts_of(channel_id, request)
        fault, _ = judge_sharing(facts, fields)
        if fault or facts.header is None:
            raise not_shareable(request, fault)
        check_consented(facts, facts.header, fields)

    async def check_asked(self, channel_id: str, request: RequestPacket) -> None:
        """Check that the zone would not refuse a request at once.

        Args:
            channel_id: channel of that zone on which the request would come in.
            request: what is asked for.

        Raises:
            NotShareableError: it would; with its reason code.
        """
        facts = await self.facts_of(channel_id, request)
        verdict = decide_request(facts)
        if verdict.outcome == REFUSED:
            raise not_shareable(request, verdict.reason_code)

    async def facts_of(self, channel_id: str, request: RequestPacket) -> Facts:
        """Return what a decision on a request rests on, standing or not.

        Args:
            channel_id: channel of that zone on which the request comes in.
            request: what is asked for.

        Raises:
            AnswerMissingError: there is no such channel.
        """
        client_id = await self.client_of(channel_id)
        if request.record_type:
            header: RecordHeader | None = RecordHeader(
                issuer=request.issuer, record_type=request.record_type
            )
        else:
            header = await self.find_version(
                request.issuer, request.record_id, request.version
            )
        return await self.gather(channel_id, client_id, request, header)

    async def gather(
        self,
        channel_id: str,
        client_id: str,
        request: RequestPacket,
        header: RecordHeader | None,
    ) -> Facts:
        """Read what a decision about a record rests on, as the zone gathers it.

        Args:
            channel_id: channel of that zone on which the request comes in.
            client_id: light client below that channel.
            request: what is asked for.
            header: the version asked for, None if there is none; for a type of record
                the issuer and the type alone.

        Cost: about 7 reads, and one for each grant and consent that could cover it.
        """
        now_s = self._clock() // NS_PER_SECOND
        facts = Facts(
            request=request,
            channel_id=channel_id,
            client_id=client_id,
            now_s=now_s,
            params=await self._params(),
            header=header,
        )
        if header is None:
            return facts
        asked = asked_of(facts, header, ())
        grants = await self._grants(asked)
        return Facts(
            request=request,
            channel_id=channel_id,
            client_id=client_id,
            now_s=now_s,
            params=facts.params,
            header=header,
            issuer_in_force=await self._is_in_force(header.issuer),
            policy=await self._policy(header.record_type),
            grants=grants,
            consents=await self._consents(asked, grants),
            waiting=await self._waiting(channel_id),
            is_review_overdue=request.emergency
            and await self._is_overdue(user_of(channel_id, request.requester)),
        )

    async def _get(self, store: str, key: bytes) -> bytes | None:
        """Return a value of the newest state, None if there is none."""
        if (store, key) not in self._known:
            found = await self._zone.abci_query(f"store/{store}/key", key)
            self._known[store, key] = found.value or None
        return self._known[store, key]

    async def _params(self) -> Params:
        value = await self._get(EXCHANGE_STORE, PARAMS_KEY)
        return DEFAULT_PARAMS if value is None else Params.FromString(value)

    async def _is_in_force(self, member_id: str) -> bool:
        value = await self._get(MEMBERS_STORE, member_key(member_id))
        return value is not None and not find_hindrance(Member.FromString(value))

    async def _policy(self, record_type: str) -> Policy | None:
        value = await self._get(POLICIES_STORE, policy_key(record_type))
        found = None if value is None else Policy.FromString(value)
        return None if found is None or found.removed else found

    async def _grants(self, asked: Asked) -> list[Grant]:
        """Return what ``grants.coverage.grants_for`` does."""
        found = []
        for record_id in dict.fromkeys((asked.header.record_id, "")):
            scope = scope_key(
                holder=asked.header.issuer,
                channel_id=asked.reader.channel_id,
                reader=asked.reader.member_id,
                purpose=asked.purpose,
                record_type=asked.header.record_type,
                record_id=record_id,
            )
            listed = await self._get(GRANTS_STORE, scope) or b""
            for at in range(0, len(listed), _ID_SIZE_BYTES):
                number = int.from_bytes(listed[at : at + _ID_SIZE_BYTES], "big")
                grant = await self.find_grant(number)
                found += [] if grant is None else [grant]
        return found

    async def _consents(
        self, asked: Asked, grants: Sequence[Grant]
    ) -> dict[int, Consent]:
        """Return what ``grants.coverage.consents_for`` does."""
        found = {}
        for number in {asked.consent_id, *(grant.consent_id for grant in grants)}:
            consent = await self.find_consent(number) if number else None
            if consent is not None:
                found[number] = consent
        return found

    async def _waiting(self, channel_id: str) -> int:
        value = await self._get(EXCHANGE_STORE, waiting_count_key(channel_id))
        return 0 if value is None else int.from_bytes(value, "big")

    async def _is_overdue(self, user: str) -> bool:
        answer = await self._zone.query(
            _USES_PATH,
            policies_pb2.QueryBreakGlassUsesRequest(
                user=user, unreviewed=True, limit=1
            ),
            policies_pb2.QueryBreakGlassUsesResponse,
        )
        return any(use.review_due <= self._clock() for use in answer.uses)


async def judge_at_issuer(
    links: Links, channel_id: str, request: RequestPacket
) -> None:
    """Check what the issuer's zone would say of a request, before it is sent.

    A node of that zone is asked and nothing is proven: it can hinder a request, as it
    can by not answering, and lets nothing through that the zone itself would refuse.

    Args:
        links: the other zones.
        channel_id: channel of the request, on the own zone.
        request: what is to be asked for.

    Raises:
        NotShareableError: it would refuse; with its reason code.
        OtherZoneUnknownError: no node of it is known.
        UnavailableError: the node does not answer.
    """
    end = await links.other_end(channel_id)
    await PolicyPoint(links.other_zone(end)).check_asked(end.channel_id, request)
