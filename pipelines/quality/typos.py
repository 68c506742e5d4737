"""Domains that are almost certainly another domain misspelt.

Belongs here: the two lists and looking a domain up. Does not: any rule about form (syntax.py, faults.py).

Curated, never computed: a distance measure would flag mail.com, ymail.com or gmx.net, which are real. An entry must be
a domain that nobody has a mailbox at, next to one that millions have. A new one needs only a line here and a new
RULES in addresses.py.
"""

from collections.abc import Mapping

_MISSPELT: Mapping[str, str] = {
    "gmail.com": "gmial.com gmai.com gmal.com gmil.com gamil.com gnail.com gmaill.com ggmail.com gmaik.com gmali.com "
    "gmsil.com gmail.co gmail.cm gmail.om",
    "googlemail.com": "googelmail.com googlemail.co",
    "hotmail.com": "hotmial.com hotmai.com hotmal.com hotmil.com hotmaill.com hotamil.com hotnail.com homtail.com "
    "hotmali.com hotmail.co hotmail.cm",
    "hotmail.nl": "hotmial.nl",
    "outlook.com": "outlok.com outloook.com outllook.com oultook.com otulook.com outlook.co outlook.cm",
    "yahoo.com": "yaho.com yahooo.com yhaoo.com yhoo.com yahoo.cm",
    "icloud.com": "iclod.com icoud.com iclould.com icloud.co icloud.cm",
    "ziggo.nl": "zigggo.nl ziggo.ln",
    "kpnmail.nl": "kpnmial.nl",
    "libero.it": "libeto.it",
}
_SUFFIXES: Mapping[str, str] = {
    # None of these is a top-level domain.
    ".con": ".com",
    ".cmo": ".com",
    ".ocm": ".com",
    ".vom": ".com",
    ".xom": ".com",
    ".comm": ".com",
    ".nll": ".nl",
    ".dkk": ".dk",
    ".itt": ".it",
    ".nett": ".net",
}

TYPO_DOMAINS: Mapping[str, str] = {wrong: right for right, wrongs in _MISSPELT.items() for wrong in wrongs.split()}
TYPO_SUFFIXES: tuple[str, ...] = tuple(_SUFFIXES)


def intended_domain(domain: str) -> str | None:
    """The domain that was probably meant by a lower-case ASCII one; None for all others."""
    if domain in TYPO_DOMAINS:
        return TYPO_DOMAINS[domain]
    for suffix, right in _SUFFIXES.items():
        if domain.endswith(suffix):
            corrected = domain.removesuffix(suffix) + right
            return TYPO_DOMAINS.get(corrected, corrected)
    return None
