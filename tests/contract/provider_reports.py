"""What the providers' own reports say of campaigns, asked by somebody who is not Enlist.

Belongs here: plain calls of the report endpoints (contracts: Mailchimp section 10, MailUp section 8), in the words of
marts.campaigns and marts.links. Does not: Enlist's own reading of them (pipelines/providers), judging
(test_reports_agree.py).
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import requests
from mailup_simulator_caller import MailupCaller

from pipelines.sandbox.mailchimp.simulator import Mailchimp
from pipelines.sandbox.mailup.simulator import Mailup


@dataclass
class Report:
    """A campaign as its provider reports it; `figures` by column of marts.campaigns, `links` as (clicks, people)."""

    figures: dict[str, float | None]
    links: dict[str, tuple[int, int]]
    sends: dict[str, int] = field(default_factory=dict)  # by address: opens, of everybody who is still told of
    clicks: dict[str, int] = field(default_factory=dict)


def of_mailchimp(mailchimp: Mailchimp, list_id: str) -> dict[str, Report]:
    """The reports of an audience, by campaign."""
    with requests.Session() as session:
        session.auth = ("analyst", mailchimp.api_key)

        def get(path: str) -> Any:
            answer = session.get(f"{mailchimp.url}/3.0{path}", params={"count": 1000}, timeout=20)
            answer.raise_for_status()
            return answer.json()

        found = {}
        for one in get("/reports")["reports"]:
            if one["list_id"] == list_id:
                report = f"/reports/{one['id']}"
                links = get(f"{report}/click-details")["urls_clicked"]
                activity = get(f"{report}/email-activity")["emails"]
                acts = {row["email_address"]: Counter(act["action"] for act in row["activity"]) for row in activity}
                found[one["id"]] = Report(
                    _mailchimp_figures(one),
                    {link["url"]: (link["total_clicks"], link["unique_clicks"]) for link in links},
                    {email: counts["open"] for email, counts in acts.items()},
                    {email: counts["click"] for email, counts in acts.items() if counts["click"]},
                )
    return found


def _mailchimp_figures(report: Any) -> dict[str, float | None]:
    opens, clicks, bounces = report["opens"], report["clicks"], report["bounces"]
    return {
        "sent_count": report["emails_sent"],
        "hard_bounces": bounces["hard_bounces"],
        "soft_bounces": bounces["soft_bounces"],
        "opens": opens["opens_total"],
        "unique_opens": opens["unique_opens"],
        "machine_opens": opens["opens_total"] - opens["proxy_excluded_opens"],
        "unique_human_opens": opens["proxy_excluded_unique_opens"],
        "clicks": clicks["clicks_total"],
        "unique_clicks": clicks["unique_subscriber_clicks"],
        "opt_outs": report["unsubscribed"],
        "complaints": report["abuse_reports"],
        "open_rate": opens["open_rate"],
        "human_open_rate": opens["proxy_excluded_open_rate"],
    }


def of_mailup(mailup: Mailup) -> dict[str, Report]:
    """The statistics of all messages of the seeded list, by message. MailUp gives no rates."""
    found = {}
    with MailupCaller(mailup) as call:
        for message in call.items("LIST/Emails"):
            number = message["idMessage"]

            def rows(kind: str, number: int = number) -> list[dict[str, Any]]:
                answer = call.statistics(f"/Message/{number}/List/{kind}", params={"PageSize": 1000})
                items: list[dict[str, Any]] = answer["Items"]
                assert answer["TotalElementsCount"] == len(items)
                return items

            views, clicks, bounces = rows("Views"), rows("Clicks"), Counter(row["Type"] for row in rows("Bounces"))
            people: Counter[str] = Counter(row["Url"] for row in rows("UrlClickDetails"))
            found[str(number)] = Report(
                {
                    "sent_count": call.statistics(f"/Message/{number}/Count/Recipients"),
                    "hard_bounces": bounces["Hard"],
                    "soft_bounces": bounces["Soft"],
                    "opens": sum(row["Count"] for row in views),
                    "unique_opens": call.statistics(f"/Message/{number}/Count/Views"),
                    "machine_opens": 0,
                    "clicks": sum(row["Count"] for row in clicks),
                    "unique_clicks": call.statistics(f"/Message/{number}/Count/Clicks"),
                    # MailUp tells those who left, complaining or not, together.
                    "opt_outs + complaints": call.statistics(f"/Message/{number}/Count/Unsubscriptions"),
                },
                {row["Url"]: (row["Count"], people[row["Url"]]) for row in rows("UrlClicks")},
                {
                    **{row["Email"]: 0 for row in rows("Recipients")},
                    **{row["Email"]: row["Count"] for row in views},
                },
                {row["Email"]: row["Count"] for row in clicks},
            )
    return found
