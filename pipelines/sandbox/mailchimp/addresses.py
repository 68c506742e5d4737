"""Which addresses Mailchimp refuses.

Belongs here: form, fake and role addresses. Does not: addresses refused for their history (members.py).

Deliberate exception: the reserved top-level domain `.example` counts as an ordinary domain, because all sample
people of Enlist live there. `example.com` and its like are refused, as Mailchimp does.
"""

import re

from pipelines.sandbox.mailchimp.problems import Problem, invalid_detail

ATOM = r"[^\s@,;:<>()\[\]\"\\.]+"
LABEL = r"[^\s@.,_-]+(-+[^\s@.,_-]+)*"
FORM = re.compile(rf"{ATOM}(\.{ATOM})*@({LABEL}\.)+(xn--[a-z0-9-]+|[^\W\d_]{{2,}})")

FAKE_ADDRESSES = frozenset({"alex@gmail.com"})
FAKE_DOMAINS = frozenset(
    {
        "example.com",
        "example.net",
        "example.org",
        "gamil.com",
        "gmial.com",
        "hotmial.com",
        "mailinator.com",
        "yopmail.com",
        "yopmail.fr",
        "yopmail.net",
    }
)
TYPO_ENDINGS = frozenset({"cmo", "con", "ocm", "vom", "xom"})

ROLE_NAMES = (
    "abuse admin billing compliance devnull dns ftp hostmaster inoc ispfeedback ispsupport list list-request "
    "maildaemon no-reply noc noreply null phish phishing popmaster postmaster privacy registrar root security spam "
    "support sysadmin tech undisclosed-recipients unsubscribe usenet uucp webmaster www"
)
ROLES = frozenset(ROLE_NAMES.split())


def refusal_of(email_address: str) -> Problem | None:
    """Why the address itself can't be added, None if it can."""
    if not FORM.fullmatch(email_address) or len(email_address) > 254:
        return invalid_detail("Please provide a valid email address.")
    lower = email_address.lower()
    domain = lower.rpartition("@")[2]
    if lower in FAKE_ADDRESSES or domain in FAKE_DOMAINS or domain.rpartition(".")[2] in TYPO_ENDINGS:
        return invalid_detail(f"{email_address} looks fake or invalid, please enter a real email address.")
    return None


def is_role(email_address: str) -> bool:
    """Whether it names a function instead of a person; imports refuse those."""
    return email_address.lower().partition("@")[0] in ROLES
