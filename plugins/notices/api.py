"""What other plugins may ask of ``notices``, inside their own deeds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from core.kinds import LinkRelation
from core.plugin import Act, Place, check_text
from plugins.notices.kinds import NoticeState
from plugins.notices.lifecycle import NOTICE
from plugins.notices.rules import NoticeKind
from plugins.notices.service import display, insert

__all__ = ["NoticeKind", "publish"]


async def publish(
    act: Act,
    kind: NoticeKind,
    title: str,
    body: str,
    *,
    issuer: str,
    legal_basis: str = "",
    event_at: datetime | None = None,
    audience: Sequence[Place] = (),
    is_public: bool = True,
    about: int | None = None,
    relation: LinkRelation = LinkRelation.ANNOUNCES,
) -> int:
    """Post a notice at the place of a deed, linked with the matter it is about; returns its key.

    ``audience`` are places within that of the deed, all of it when empty. Raises Conflict when the notice period of its
    kind is not kept. Whether notices are on here is the caller's to check: ``act.can_use("notices")``.
    """
    shown = check_text(title, "title")
    key = await act.open(NOTICE, shown, state=NoticeState.POSTED)
    await insert(
        act, key, kind, body, issuer, legal_basis=legal_basis, is_public=is_public, audience=audience, event_at=event_at
    )
    await display(act, key, shown)
    if about is not None:
        await act.link(key, about, relation)
    act.emit("notices.notice_posted", matter_id=key, state=NoticeState.POSTED.value)
    return key
