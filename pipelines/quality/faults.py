"""Why the strict library refuses an address: a stable code, a sentence a clerk understands, a likely correction.

Belongs here: the rules for refused addresses, in the order they are tried. Does not: deciding whether an address is
refused (syntax.py), warnings about valid ones (doubts.py).

A rule's `look` gets the cleaned text and answers None (not this fault) or a candidate for a correction, "" if it
has none. A candidate becomes a suggestion only if the library accepts it, if need be after further rules.
No sentence quotes the address.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from email_validator import SPECIAL_USE_DOMAIN_NAMES

from pipelines.quality.syntax import MAX_LENGTH, parsed

PLACEHOLDERS = frozenset(
    {"nvt", "n.v.t.", "n.v.t", "geen", "geenemail", "geenmail", "onbekend", "leeg", "volgt"}
    | {"ingen", "ikkeoplyst", "ukendt", "saknas", "finnsej"}
    | {"nessuna", "nessuno", "nd", "n.d.", "n.d", "nondisponibile", "assente"}
    | {"none", "null", "nil", "na", "n/a", "noemail", "nomail", "unknown", "tba", "tbd", "x", "xx", "xxx"}
)
MAX_LOCAL = 64
LONGEST_READ = 2_000  # a longer cell is a letter or a list, and the patterns below are not made for letters
TOO_LONG = f"It is longer than an address can be ({MAX_LENGTH} characters, 63 between dots)."
_MARKS = ".,;:!?"
_QUOTES = "\"'`\u00b4\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u00ab\u00bb\u2039\u203a"
_BRACKETS = {"<": ">", "(": ")", "[": "]", "{": "}"}
_TRAILING = _MARKS + _QUOTES + "".join(_BRACKETS.values())
_LEADING = _MARKS + "".join(_BRACKETS)
_ATOM = r"a-zA-Z0-9_!#$%&'*+/=?^`{|}~\-.@\u0080-\U0010FFFF"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong: rule code, sentence, and a valid address that was probably meant (or None)."""

    rule: str
    detail: str
    suggestion: str | None


@dataclass(frozen=True, slots=True)
class Rule:
    """One fault that can be recognised."""

    code: str
    sentence: str
    look: Callable[[str], str | None]


def fault(text: str, repairs: int = 3) -> Fault:
    """Why a cleaned, not empty address that `parsed` refuses is refused."""
    if len(text) > LONGEST_READ:
        return Fault("too_long", TOO_LONG, None)
    for rule in RULES:
        candidate = rule.look(text)
        if candidate is not None:
            detail = rule.sentence.replace("MARKS", " ".join(_foreign_marks(text)))
            return Fault(rule.code, detail, _suggestion(candidate, text, repairs))
    return Fault("malformed", "This is not the form of an e-mail address.", None)


def _suggestion(candidate: str, text: str, repairs: int) -> str | None:
    if not candidate or candidate == text:
        return None
    found = parsed(candidate)
    if found is not None:
        return found.address
    return fault(candidate, repairs - 1).suggestion if repairs else None


def _parts(text: str) -> tuple[str, str]:
    local, _, domain = text.rpartition("@")
    return local, domain


def _pieces(text: str) -> list[str]:
    return [piece for piece in re.split(r"[\s;,|/<>()\[\]\"]+", text) if piece]


def _placeholder(text: str) -> str | None:
    word = re.sub(r"[\s-]", "", text).lower()
    return "" if "@" not in text and (word in PLACEHOLDERS or not re.search(r"\w", word)) else None


def _mailto(text: str) -> str | None:
    start = re.match(r"(?:mailto|e-?mail|mail)\s*:\s*", text, re.IGNORECASE)
    return text[start.end() :].partition("?")[0] if start else None


def _several(text: str) -> str | None:
    addresses = [piece for piece in _pieces(text) if re.fullmatch(r"[^@]+@[^@]+", piece)]
    if len(addresses) < 2:
        return None
    return next((piece for piece in addresses if parsed(piece)), "")


def _display_name(text: str) -> str | None:
    brackets = re.search(r"<([^<>]*@[^<>]*)>?", text)
    return brackets[1].strip() if brackets else None


def _web_address(text: str) -> str | None:
    return "" if re.match(r"(?:https?://|www\.)", text, re.IGNORECASE) and "@" not in text else None


def _no_at_sign(text: str) -> str | None:
    if "@" in text:
        return None
    return re.sub(r"\s*(?:\(at\)|\[at\]|\{at\}|\s+at\s+|\uff20|\ufe6b)\s*", "@", text, count=1, flags=re.IGNORECASE)


def _extra_text(text: str) -> str | None:
    """`jan@x.nl (home)`: only what follows, since before an address it may belong to it."""
    words = text.split()
    return words[0] if len(words) > 1 and "@" not in "".join(words[1:]) and parsed(words[0].rstrip(_MARKS)) else None


def _two_at_signs(text: str) -> str | None:
    return re.sub(r"@+", "@", text) if text.count("@") > 1 else None


def _invisible(text: str) -> str | None:
    hidden = {sign for sign in text if unicodedata.category(sign).startswith("C")}
    return "".join(sign for sign in text if sign not in hidden) if hidden else None


def _nothing_before(text: str) -> str | None:
    return "" if text.startswith("@") else None


def _nothing_after(text: str) -> str | None:
    return "" if text.endswith("@") else None


def _inner_blank(text: str) -> str | None:
    """A blank inside the name may stand for a dot, a hyphen or nothing: no suggestion then."""
    if not re.search(r"\s", text):
        return None
    joined = re.sub(r"\s*([@.])\s*", r"\1", text)
    local, domain = _parts(joined)
    return "" if re.search(r"\s", local) else local + "@" + re.sub(r"\s+", "", domain)


def _wrapped(text: str) -> str | None:
    """Both sides at once: most quotes would pass for a part of the address if they stood before it alone."""
    inner = text.strip(_MARKS)
    is_wrapped = len(inner) > 2 and inner[-1] in _BRACKETS.get(inner[0], _QUOTES if inner[0] in _QUOTES else "")
    return inner[1:-1].strip() if is_wrapped else None


def _trailing_mark(text: str) -> str | None:
    return text.rstrip(_TRAILING) if text[-1] in _TRAILING else None


def _leading_mark(text: str) -> str | None:
    return text.lstrip(_LEADING) if text[0] in _LEADING else None


def _comma_for_dot(text: str) -> str | None:
    if "," not in text:
        return None
    return "" if parsed(text.partition(",")[0]) else text.replace(",", ".")


def _two_dots(text: str) -> str | None:
    return re.sub(r"\.{2,}", ".", text) if ".." in text else None


def _dot_beside_at(text: str) -> str | None:
    return re.sub(r"\.*@\.*", "@", text) if ".@" in text or "@." in text else None


def _quoted(text: str) -> str | None:
    return "" if text.startswith('"') else None


def _ip_address(text: str) -> str | None:
    return "" if re.fullmatch(r"\[.*\]|[\d.]*\.\d+", _parts(text)[1]) else None


def _too_long_before(text: str) -> str | None:
    return "" if len(_parts(text)[0]) > MAX_LOCAL else None


def _too_long(text: str) -> str | None:
    labels = _parts(text)[1].split(".")
    return "" if len(text.encode("utf-8", "replace")) > MAX_LENGTH or any(len(label) > 63 for label in labels) else None


def _foreign_marks(text: str) -> list[str]:
    local, domain = _parts(text)
    return sorted(set(re.sub(f"[{_ATOM}]", "", local) + re.sub(r"[a-zA-Z0-9.\-\u0080-\U0010FFFF]", "", domain)))


def _illegal_character(text: str) -> str | None:
    return "" if _foreign_marks(text) else None


def _no_ending(text: str) -> str | None:
    return "" if "." not in _parts(text)[1] else None


def _reserved_domain(text: str) -> str | None:
    domain = _parts(text)[1].lower()
    reserved = any(domain == name or domain.endswith(f".{name}") for name in SPECIAL_USE_DOMAIN_NAMES)
    return "" if reserved else None


def _hyphen(text: str) -> str | None:
    labels = _parts(text)[1].split(".")
    at_an_end = any(label.startswith("-") or label.endswith("-") for label in labels)
    doubled = any(label[2:4] == "--" and label[:2].lower() != "xn" for label in labels)
    return "" if at_an_end or doubled else None


def _international_domain(text: str) -> str | None:
    domain = _parts(text)[1]
    return "" if not domain.isascii() or "xn--" in domain.lower() else None


RULES: tuple[Rule, ...] = (
    Rule("placeholder", "The field says that there is no address; leave it empty instead.", _placeholder),
    Rule("several_addresses", "There are several addresses in one field; keep one.", _several),
    Rule("mailto", "Only the address belongs here, without 'mailto:' before it.", _mailto),
    Rule("display_name", "Only the address belongs here, without a name and angle brackets.", _display_name),
    Rule("web_address", "This is the address of a web site, not of a mailbox.", _web_address),
    Rule("no_at_sign", "The @-sign is missing.", _no_at_sign),
    Rule("extra_text", "There is text after the address; only the address belongs here.", _extra_text),
    Rule("two_at_signs", "There is more than one @-sign.", _two_at_signs),
    Rule("nothing_before_at", "There is nothing before the @-sign.", _nothing_before),
    Rule("nothing_after_at", "There is nothing after the @-sign.", _nothing_after),
    Rule("invisible_character", "There is an invisible character in it; type it anew.", _invisible),
    Rule("ip_address", "After the @-sign there is a number instead of a domain name.", _ip_address),
    Rule("wrapped", "Only the address belongs here, without quotes or brackets around it.", _wrapped),
    Rule("trailing_mark", "It ends in a dot or another mark that does not belong to it.", _trailing_mark),
    Rule("leading_mark", "It begins with a dot or another mark that does not belong to it.", _leading_mark),
    Rule("inner_blank", "There is a blank in it.", _inner_blank),
    Rule("comma_for_dot", "There is a comma where a dot should be.", _comma_for_dot),
    Rule("two_dots", "There are two dots in a row.", _two_dots),
    Rule("dot_beside_at", "There is a dot right before or after the @-sign.", _dot_beside_at),
    Rule("quoted", "Quotation marks before the @-sign are not accepted by mail providers.", _quoted),
    Rule("too_long_before_at", f"The part before the @-sign is longer than {MAX_LOCAL} characters.", _too_long_before),
    Rule("too_long", TOO_LONG, _too_long),
    Rule("illegal_character", "It holds characters that can't stand there: MARKS", _illegal_character),
    Rule("no_ending", "The domain has no ending such as .com or .nl.", _no_ending),
    Rule(
        "reserved_domain",
        "The domain is reserved for tests or private networks; no mail can reach it.",
        _reserved_domain,
    ),
    Rule("hyphen", "A hyphen in the domain stands where none can be.", _hyphen),
    Rule("international_domain", "The part after the @-sign is not a valid international name.", _international_domain),
)
