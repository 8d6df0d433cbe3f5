"""What members decide about packs; each message by vote only."""

from __future__ import annotations

from huitong.core.context import Context
from huitong.core.fields import DIGEST_SIZE_BYTES, check_name, check_size, check_text
from huitong.core.limits import (
    PACK_VERSIONS_MAX,
    PACKS_MAX,
    TEXT_BYTES_MAX,
    TITLE_BYTES_MAX,
)
from huitong.modules.packs import events
from huitong.modules.packs.errors import (
    PackNotNewerError,
    PackRetiredError,
    TooManyPacksError,
    TooManyPackVersionsError,
)
from huitong.modules.packs.state import (
    ACTIVE,
    RETIRED,
    find_pack,
    get_pack,
    pack_count,
    save_pack,
    save_version,
)
from huitong.modules.packs.versions import parse_version
from huitong.proto.huitong.packs.v1 import packs_pb2 as pb


def check_install_pack(ctx: Context, msg: pb.MsgInstallPack) -> None:
    """Raise unless this is a new pack or a newer version.

    Raises:
        InvalidRequestError: name, digest, title or source is malformed or missing.
        PackVersionError: the version is not three numbers.
        PackNotNewerError: this version or a newer one was installed.
        TooManyPacksError, TooManyPackVersionsError: there is no room.
    """
    check_name(msg.name, "name")
    numbers = parse_version(msg.version)
    check_size(msg.digest, "digest", DIGEST_SIZE_BYTES)
    check_text(msg.title, "title", TITLE_BYTES_MAX, required=True)
    check_text(msg.source, "source", TEXT_BYTES_MAX)
    pack = find_pack(ctx, msg.name)
    if pack is None:
        count = pack_count(ctx)
        if count >= PACKS_MAX:
            raise TooManyPacksError(count=count, maximum=PACKS_MAX)
        return
    if numbers <= parse_version(pack.current.version):
        raise PackNotNewerError(
            version=msg.version, name=msg.name, installed=pack.current.version
        )
    if pack.version_count >= PACK_VERSIONS_MAX:
        raise TooManyPackVersionsError(
            name=msg.name, count=pack.version_count, maximum=PACK_VERSIONS_MAX
        )


def apply_install_pack(
    ctx: Context, msg: pb.MsgInstallPack
) -> pb.MsgInstallPackResponse:
    """Write the version; a retired pack is in use again."""
    known = find_pack(ctx, msg.name)
    height = ctx.block.height.revision_height
    version = pb.PackVersion(
        version=msg.version,
        digest=msg.digest,
        title=msg.title,
        source=msg.source,
        installed_height=height,
        installed_time=ctx.block.time_ns,
    )
    pack = pb.Pack(
        name=msg.name,
        status=ACTIVE,
        current=version,
        version_count=1 if known is None else known.version_count + 1,
        changed_height=height,
    )
    save_version(ctx, msg.name, version)
    save_pack(ctx, pack)
    ctx.emit(events.pack_installed(pack))
    return pb.MsgInstallPackResponse()


def check_retire_pack(ctx: Context, msg: pb.MsgRetirePack) -> None:
    """Raise unless the pack is in use.

    Raises:
        InvalidRequestError: the reason is malformed or missing.
        PackNotFoundError: there is no such pack.
        PackRetiredError: it is retired already.
    """
    check_text(msg.reason, "reason", TEXT_BYTES_MAX, required=True)
    if get_pack(ctx, msg.name).status == RETIRED:
        raise PackRetiredError(name=msg.name)


def apply_retire_pack(ctx: Context, msg: pb.MsgRetirePack) -> pb.MsgRetirePackResponse:
    """Write that the pack is not used any more; its history stays."""
    pack = get_pack(ctx, msg.name)
    pack.status = RETIRED
    pack.changed_height = ctx.block.height.revision_height
    save_pack(ctx, pack)
    ctx.emit(events.pack_retired(pack, reason=msg.reason))
    return pb.MsgRetirePackResponse()
