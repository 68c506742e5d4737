"""Somebody whom the provider knows by another spelling of the address than the CRM, pushed to both simulators.

Belongs here: that the member who is there is the one who is changed, and nobody is made beside them. Does not: what
the plan decides (unit/test_plan_spellings.py).
"""

from pathlib import Path
from typing import Any

import mailchimp_push_world
import mailup_push_world
from mailchimp_push_judge import documents_of
from push_world import World

from pipelines.ledger import blocks
from pipelines.sandbox.mailchimp.simulator import Mailchimp
from pipelines.sandbox.mailup.simulator import Mailup

# The CRM has the first one, which is the key as well; providers keep what was typed.
KEY, TYPED = "ines@xn--mller-kva.example", "ines@müller.example"


def here(documents: dict[str, Any]) -> dict[str, Any]:
    """The members with the one address, however it is written."""
    return {email: found for email, found in documents.items() if email.startswith("ines@")}


def assert_clean(world: World[Any], run_id: str) -> None:
    """What the CRM and the ledger say is pushed without a refusal, and leaves nothing to do."""
    result = world.run(run_id, reads_crm=True)
    assert (dict(result.refusals), result.outcomes.total()) == ({}, result.outcomes["applied"])
    assert world.plan().size == 0


def test_at_mailchimp_the_member_who_is_there_is_adopted_and_unsubscribed(
    mailchimp_simulator: Mailchimp, tmp_path: Path
) -> None:
    """Nobody is made beside them, and they get no mail once they are blocked."""
    mailchimp = mailchimp_simulator
    url = mailchimp.url.removesuffix("/mailchimp")
    mailchimp_push_world.lay_out(tmp_path, url)
    mailchimp_push_world.furnish(mailchimp.url, mailchimp.list_id)
    world = mailchimp_push_world.PushWorld(tmp_path)
    ines, other = (mailchimp_push_world.Person("same", number) for number in (0, 1))
    mailchimp.act(mailchimp.list_id, TYPED, "add_by_hand")
    world.write_crm({ines: {"Email": KEY, "First": "Ines", "Tags": "A", "Groups": "Blue"}, other: {}})
    assert_clean(world, "adopting")
    (found,) = here(documents_of(mailchimp)).values()
    assert (found["merge_fields"]["FNAME"], found["tags_count"]) == ("Ines", 1)
    blocks.block(world.home.ledger, KEY, blocks.Reach(), note="asked by phone", by="kim")
    assert_clean(world, "silencing")
    assert {email: one["status"] for email, one in here(documents_of(mailchimp)).items()} == {TYPED: "unsubscribed"}


def test_at_mailup_nobody_is_made_beside_the_recipient_who_is_there(mailup_simulator: Mailup, tmp_path: Path) -> None:
    """Also by an import, which makes a recipient for each address that the list does not have."""
    mailup = mailup_simulator
    mailup.turn(**mailup_push_world.IN_NO_TIME)
    mailup_push_world.lay_out(tmp_path, mailup.url.removesuffix("/mailup"), mailup_push_world.SYNC)
    world = mailup_push_world.PushWorld(tmp_path)
    crowd = [mailup_push_world.Person("same", number) for number in range(60)]
    mailup.act(mailup.list_id, TYPED, "add_by_hand")
    for groups in ("Blue", "Blue;Red"):
        columns = {"Groups": groups}
        world.write_crm({**dict.fromkeys(crowd, columns), crowd[0]: {**columns, "Email": KEY, "First": "Ines"}})
        if groups == "Blue":
            assert_clean(world, "adopting")
        else:
            # So many join by import, which takes no address beyond ASCII: that is told, and makes nobody.
            assert dict(world.run("joining", reads_crm=True).refusals) == {"not_kept": 1}
    people = {one["email"]: one for one in mailup.recipients(mailup.list_id)}
    assert [(email, one["fields"]["1"], one["groups"]) for email, one in here(people).items()] == [
        (TYPED, "Ines", ["Blue", "Lead"])
    ]
    blocks.block(world.home.ledger, KEY, blocks.Reach(), note="asked by phone", by="kim")
    assert_clean(world, "silencing")
    people = {one["email"]: one for one in mailup.recipients(mailup.list_id)}
    assert {email: one["status"] for email, one in here(people).items()} == {TYPED: "Unsubscribed"}
