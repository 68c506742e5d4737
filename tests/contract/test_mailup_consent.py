"""Nobody who said no to a MailUp list is brought back, whatever a plan asks for and whatever it was made from.

Belongs here: every request that changes something, over states and plans drawn by chance. Does not: single rules of
consent (test_mailup_opt_outs.py), pushes that fail (test_mailup_faults.py).
"""

from collections.abc import Callable, Iterator, Sequence
from random import Random

import pytest
from mailup_world import FIELD, MailupWorld, add, before_calls, change, join, leave, people, unsubscribe, update

from pipelines.providers.base import Change, Member
from pipelines.sandbox.http import Call

SIZE = 260
STATES = (*("subscribed",) * 4, "opted_out", "bounced", "pending", "out_elsewhere", "removed", "nowhere")
OPT_OUTS = (0, 2, 4, 16, 32, 128, 256, 512, 1024)
GROUPS = ("Soci", "Donatori")
FEW_OR_MANY = (7, 70)  # one by one, or by import

Draw = Callable[[Random, Member], Change]


def settle_in(chance: Random, mailup: MailupWorld, other: int) -> None:
    """Everybody is in some state, in this list or in another one."""
    mailup.put(people(SIZE), f1="Old")
    for name in GROUPS:
        group_id = mailup.simulator.add_group(mailup.list_id, name)
        mailup.put(chance.sample(people(SIZE), 90), group_id=group_id)
    for email in people(SIZE):
        state = chance.choice(STATES)
        if state == "opted_out":
            mailup.act(email, "opt_out", type=chance.choice(OPT_OUTS))
        elif state == "bounced":
            mailup.act(email, "hard_bounce")
        elif state != "subscribed":
            if state == "removed":  # and with it the record of the no
                mailup.act(email, "opt_out", type=2)
            mailup.act(email, "remove_by_hand")
        if state == "pending":
            mailup.act(email, "add_by_hand", status="Pending")
        elif state == "out_elsewhere":
            mailup.put([email], other)
            mailup.simulator.act(other, email, "opt_out", type=2)


def move_on(chance: Random, mailup: MailupWorld, members: Sequence[Member]) -> None:
    """What happens after the plan was made."""
    for member in chance.sample(list(members), 20):
        mailup.act(member.email, "opt_out", type=chance.choice(OPT_OUTS))


def drawn(chance: Random, members: Sequence[Member], newcomers: Sequence[str]) -> Iterator[list[Change]]:
    """Changes of each op, some of which no plan would hold: what was there is told as it once was, or not at all."""
    draws: list[Draw] = [
        lambda chance, one: update(one, **{FIELD: chance.choice(["New", "", "Newer"])}),
        lambda chance, one: join(one, *chance.sample(GROUPS, chance.randint(1, 2))),
        lambda chance, one: leave(one, *GROUPS),
        lambda _, one: unsubscribe(one),
        lambda chance, one: change(
            "add",
            one.email,
            chance.choice([None, {"status": "unsubscribed"}, {"status": "archived"}]),
            {"status": chance.choice(["subscribed", "pending"]), "fields": {FIELD: "Again"}},
        ),
        lambda _, one: change("rename", one.email, {"email": "x@people.example"}, {"email": one.email, "fields": {}}),
        lambda _, one: change("archive", one.email, {"status": one.status}, {"status": "archived"}, one.provider_id),
        lambda _, one: change("delete", one.email, None, {}, one.provider_id),
    ]
    chance.shuffle(draws)
    yield [add(email, chance.choice(["subscribed", "subscribed", "pending"])) for email in newcomers]
    for draw in draws:
        yield [draw(chance, one) for one in chance.sample(list(members), chance.choice(FEW_OR_MANY))]


@pytest.mark.parametrize("seed", range(6))
def test_no_request_of_any_push_brings_anybody_back_who_said_no(mailup: MailupWorld, seed: int) -> None:
    """B5, Z1, M4. Also not when it is made anew the moment after everybody in the account has said no."""
    chance, simulator = Random(seed), mailup.simulator
    other = simulator.add_list("Altra")
    settle_in(chance, mailup, other)
    members = list(mailup.read().values())
    removed = {email for email in people(SIZE) if (simulator.recipient(mailup.list_id, email) or {}).get("objects")}
    here = {member.email for member in members}
    newcomers = [email for email in people(SIZE + 60) if email not in here and email not in removed]
    move_on(chance, mailup, [member for member in members if member.status == "subscribed"])
    silent = {found["email"] for found in simulator.recipients(mailup.list_id) if found["status"] == "Unsubscribed"}
    written: list[Call] = []
    with before_calls(simulator, lambda call: written.append(call) if call.method != "GET" else None):
        told = [mailup.push(rows) for rows in drawn(chance, members, newcomers)]
    assert sum(one.outcome == "applied" for outcomes in told for one in outcomes.values()) > 50
    routes = {call.route for call in written}
    assert "/Console/List/{id_list}/Recipients" in routes and any("/Group/" in route for route in routes)
    assert simulator.resubscribed() == []
    now = {found["email"]: found["status"] for found in simulator.recipients(mailup.list_id)}
    said_no = {email for email in silent if simulator.recipient(mailup.list_id, email)["objects"]}
    assert {now[email] for email in said_no} == {"Unsubscribed"}
    assert {now[email] for email in silent} <= {"Unsubscribed", "Pending"}, "only whom the house took out may be asked"
    out_elsewhere = {found["email"] for found in simulator.recipients(other) if found["status"] == "Unsubscribed"}
    assert out_elsewhere and not out_elsewhere & now.keys()
    asked = {email for email, status in now.items() if status == "Pending"}

    simulator.turn(add_resubscribes=True)  # the worst that the contract leaves open
    for list_id in (mailup.list_id, other):
        for found in simulator.recipients(list_id):
            simulator.act(list_id, found["email"], "opt_out", type=2)
    for call in written:
        simulator.handle(call)
        simulator.finish_imports()
    for list_id in (mailup.list_id, other):
        statuses = {found["email"]: found["status"] for found in simulator.recipients(list_id)}
        back = {email for email, status in statuses.items() if status != "Unsubscribed"}
        assert back <= asked, "only who was asked to confirm can be asked anew"
        assert "Subscribed" not in statuses.values()
    assert simulator.resubscribed() == []
