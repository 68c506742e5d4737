"""What is valid and still worth a look: such addresses are mailed, and somebody is told.

Belongs here: the four doubts, in the order in which one of them is told. Does not: rules about form (syntax.py,
faults.py), the list of misspelt domains (typos.py).

Disposable domains are those of the package disposable-email-domains. Role names are the ones that Mailchimp's imports
refuse, those of RFC 2142, and what firms call their front desk. Letters of two scripts in one
word are what Unicode's UTS 39 calls not "highly restrictive"; the scripts are those of UAX 31, table 5.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import regex
from disposable_email_domains import blocklist

from pipelines.config.values import AddressWarning
from pipelines.quality.typos import intended_domain

TYPO = "The domain looks misspelt."
DISPOSABLE = "The domain gives out addresses for a few minutes; nobody will read this one for long."
MIXED = "A word in it mixes letters of two scripts that look alike, such as Latin and Cyrillic; type it anew."
ROLE = "It is the address of a function, not of a person; several people or none may read it."

DISPOSABLE_DOMAINS: frozenset[str] = frozenset(blocklist)
_ROLE_NAMES: Mapping[str, str] = {
    "Mailchimp": "abuse admin billing compliance devnull dns ftp hostmaster inoc ispfeedback ispsupport list "
    "list-request maildaemon no-reply noc noreply null phish phishing popmaster postmaster privacy registrar root "
    "security spam support sysadmin tech undisclosed-recipients unsubscribe usenet uucp webmaster www",
    "RFC 2142": "info marketing sales news",
    "en": "administrator contact do-not-reply donotreply enquiries hello help helpdesk hr jobs mail mailer-daemon "
    "office orders reception service shop team",
    "nl": "administratie bestellingen boekhouding bestuur directie facturen financien inkoop klantenservice receptie "
    "redactie secretariaat verkoop vacatures",
    "da, sv": "bogholderi ekonomi faktura kontakt kundeservice kundtjanst order post salg",
    "it": "acquisti amministrazione assistenza commerciale contabilita direzione fatture informazioni ordini redazione "
    "segreteria ufficio vendite",
    "de": "buchhaltung einkauf empfang kundenservice rechnung sekretariat verkauf vertrieb zentrale",
}
ROLES = frozenset(name for names in _ROLE_NAMES.values() for name in names.split())

_SCRIPT_NAMES = (
    "Arabic Armenian Bengali Bopomofo Cyrillic Devanagari Ethiopic Georgian Greek Gujarati Gurmukhi Hangul Han Hebrew "
    "Hiragana Kannada Katakana Khmer Lao Latin Malayalam Myanmar Oriya Sinhala Tamil Telugu Thaana Thai Tibetan"
)
_SCRIPTS = {name: regex.compile(rf"\p{{Script={name}}}") for name in _SCRIPT_NAMES.split()}
_WRITTEN_TOGETHER = (
    frozenset({"Latin", "Han", "Hiragana", "Katakana"}),
    frozenset({"Latin", "Han", "Bopomofo"}),
    frozenset({"Latin", "Han", "Hangul"}),
)


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why an address is worth a look; `domain` is the one that was probably meant, None where none suggests itself."""

    rule: AddressWarning
    detail: str
    domain: str | None = None


def of_domain(domain: str, spelled: str) -> Doubt | None:
    """What is odd about a domain, given in lower-case ASCII and as it is spelled in its own script."""
    intended = intended_domain(domain)
    if intended is not None:
        return Doubt("typo_domain", TYPO, intended)
    if domain in DISPOSABLE_DOMAINS:
        return Doubt("disposable_domain", DISPOSABLE)
    if any(map(_is_mixed, spelled.split("."))):
        return Doubt("mixed_scripts", MIXED)
    return None


def of_local(local: str) -> Doubt | None:
    """What is odd about the part before the @-sign."""
    if local.lower() in ROLES:
        return Doubt("role_address", ROLE)
    if _is_mixed(local):
        return Doubt("mixed_scripts", MIXED)
    return None


def _is_mixed(word: str) -> bool:
    if word.isascii():
        return False
    scripts = {name for name, pattern in _SCRIPTS.items() if pattern.search(word)}
    return len(scripts) > 1 and not any(scripts <= together for together in _WRITTEN_TOGETHER)
