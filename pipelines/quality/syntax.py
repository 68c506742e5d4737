"""What an address is, by the strict library, and the one form under which Enlist knows it.

Belongs here: cleaning what can't be wrong, parsing, `email_key`. Does not: saying why an address is refused
(faults.py), what is odd about a valid one (doubts.py), DuckDB (settling.py).

The library's list of reserved names (SPECIAL_USE_DOMAIN_NAMES: local, test, invalid ...) is used as it is and never
altered. It leaves out `example`, as RFC 6761 asks of applications, so the sample people need no exception.
"""

import unicodedata
from dataclasses import dataclass

from email_validator import EmailNotValidError, ValidatedEmail, validate_email

from pipelines.blanks import BLANKS, ZERO_WIDTH

MAX_LENGTH = 254
_DIRECTIONS = "\u061c\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
OUTER = BLANKS + ZERO_WIDTH + _DIRECTIONS + "\x00"
_WITHOUT_ZERO_WIDTH = dict.fromkeys(map(ord, ZERO_WIDTH))


@dataclass(frozen=True, slots=True)
class Parsed:
    """A valid address: the part before the @-sign as written (NFC), the domain in lower-case ASCII (IDNA).

    `spelled` is the domain in the letters of its own script.
    """

    local: str
    domain: str
    spelled: str

    @property
    def address(self) -> str:
        """The form to send."""
        return f"{self.local}@{self.domain}"

    @property
    def email_key(self) -> str:
        """The one name of the mailbox."""
        return f"{_lower(self.local)}@{self.domain}"


@dataclass(frozen=True, slots=True)
class Domain:
    """A domain that the library accepts: in lower-case ASCII, and in the letters of its own script.

    `longest` is the bytes of the longest form it is counted in.
    """

    ascii: str
    spelled: str
    longest: int


def trimmed(text: str) -> str:
    """Without blanks around it."""
    return text.strip(BLANKS)


def cleaned(text: str) -> str:
    """Without what nobody sees and no address holds: blanks and marks around it, zero width characters anywhere."""
    if text.isascii():
        return text.strip(OUTER)
    return text.translate(_WITHOUT_ZERO_WIDTH).strip(OUTER)


def parsed(text: str) -> Parsed | None:
    """The cleaned address taken apart; None if the strict library refuses it."""
    if len(text) > MAX_LENGTH:
        # Refused anyway; the library would look at every character of a whole pasted letter first.
        return None
    found = _validated(text)
    if found is None:
        return None
    # Not found.local_part: the library lower-cases info@ and its like, and an address goes out as it is written.
    return Parsed(unicodedata.normalize("NFC", text.rpartition("@")[0]), found.ascii_domain, found.domain)


def parsed_domain(text: str) -> Domain | None:
    """A domain as written behind an @-sign; None if the library refuses it, or if it holds what `cleaned` leaves out.

    The library looks at the part before and the part after the @-sign apart, and then at the length of both together
    (validate_email.py, 2.4): as written, with the domain in letters, and with the domain in ASCII.
    """
    probe = f"a@{text}"
    if cleaned(probe) != probe or len(probe) > MAX_LENGTH:
        return None
    found = _validated(probe)
    if found is None:
        return None
    forms = (text, found.domain, found.ascii_domain)
    return Domain(found.ascii_domain, found.domain, max(len(form.encode()) for form in forms))


def key_of_refused(text: str) -> str:
    """The key of a cleaned address that is not valid: providers do hold such members."""
    return _lower(text)


def _validated(text: str) -> ValidatedEmail | None:
    try:
        return validate_email(
            text,
            strict=True,
            check_deliverability=False,
            allow_smtputf8=True,
            allow_empty_local=False,
            allow_quoted_local=False,
            allow_domain_literal=False,
            allow_display_name=False,
            globally_deliverable=True,
            test_environment=False,
        )
    except EmailNotValidError:
        return None


def _lower(text: str) -> str:
    if text.isascii():
        return text.lower()
    # Lower-casing can take a text out of NFC, and out of composed letters that have no lower-case twin.
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).lower())
