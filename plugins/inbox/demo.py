"""The demo world's inboxes: a resident follows a notice, has read it, and wants a digest where there is a mail server."""

from __future__ import annotations

from core.demo import DemoWorld
from core.ids import global_id
from plugins.inbox import service
from plugins.inbox.kinds import Rhythm


async def fill(world: DemoWorld) -> None:
    """Follow a matter, and read what there is; channels need a mail server or an origin that is allowed."""
    config = world.kernel.config
    rows = await world.kernel.database.fetch(
        "SELECT n.id, n.matter_id, m.plugin, m.kind FROM core_news n JOIN core_matter m ON m.id = n.matter_id "
        "WHERE n.person_id IS NULL AND m.plugin = 'notices' ORDER BY n.id LIMIT 1"
    )
    for row in rows:
        lifecycle = world.kernel.host.lifecycle(row["plugin"], row["kind"])
        if lifecycle is not None:
            await world.perform(
                service.follow_matter, "resident", matter=global_id(lifecycle.type_name, row["matter_id"])
            )
        await world.perform(service.mark_read, "resident", up_to=row["id"])
    if config.smtp_url:
        await world.perform(service.add_email_channel, "resident", address="resident@example.org", rhythm=Rhythm.DAILY)
