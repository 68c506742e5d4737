"""Refusals in the language of the account.

Belongs here: German for what problems.py, values.py and batch.py say in English. Does not: when to refuse. The contract
quotes "Bitte gib einen Wert ein."; the other wordings are assumed, and a sentence that has none stays English.
"""

import re
from collections.abc import Mapping

from pipelines.sandbox.mailchimp.problems import Problem
from pipelines.sandbox.mailchimp.switches import Switches

TITLES: Mapping[str, str] = {
    "Invalid Resource": "Ungültige Ressource",
    "Member Exists": "Mitglied existiert bereits",
    "Member In Compliance State": "Mitglied im Compliance-Status",
    "Forgotten Email Not Subscribed": "Vergessene E-Mail nicht abonniert",
    "Resource Not Found": "Ressource nicht gefunden",
    "Method Not Allowed": "Methode nicht erlaubt",
    "Merge Max Limit Exceeded": "Höchstzahl der Felder überschritten",
    "Bad Request": "Ungültige Anfrage",
}
MESSAGES: Mapping[str, str] = {
    "Please enter a value": "Bitte gib einen Wert ein.",
    "Please enter a number": "Bitte gib eine Zahl ein.",
    "Please enter the date": "Bitte gib das Datum ein.",
    "Please enter the month and day": "Bitte gib Monat und Tag ein.",
    "Please enter a complete address": "Bitte gib eine vollständige Adresse ein.",
    "Please enter a 5-digit zip code": "Bitte gib eine fünfstellige Postleitzahl ein.",
    "Please enter a phone number": "Bitte gib eine Telefonnummer ein.",
    "Please enter a valid URL": "Bitte gib eine gültige URL ein.",
    "Please select one of the choices": "Bitte wähle eine der Möglichkeiten.",
}
SENTENCES: tuple[tuple[str, str], ...] = (
    (r"Your merge fields were invalid\.", "Deine Felder waren ungültig."),
    (r"The resource submitted could not be validated\..*", "Die gesendete Ressource konnte nicht geprüft werden."),
    (r"Please provide a valid email address\.", "Bitte gib eine gültige E-Mail-Adresse an."),
    (r"(\S+) looks fake or invalid.*", r"\1 sieht unecht oder ungültig aus."),
    (r"(\S+) has signed up to a lot of lists.*", r"\1 hat sich in letzter Zeit für viele Listen angemeldet."),
    (r"(\S+) is already a list member in compliance state.*", r"\1 ist im Compliance-Status und schon auf der Liste."),
    (r"(\S+) is in a compliance state.*", r"\1 ist im Compliance-Status."),
    (r"(\S+) is already a list member.*", r"\1 ist schon auf der Liste."),
    (r"(\S+) was permanently deleted.*", r"\1 wurde endgültig gelöscht und kann nicht importiert werden."),
    (r"The requested resource could not be found\.", "Die Ressource wurde nicht gefunden."),
    (r"This list member cannot be removed\..*", "Dieses Mitglied kann nicht entfernt werden."),
    (r'This member\'s status is "(\w+)\.".*', "Der Status dieses Mitglieds ist „\\1“."),
    (r'"(\S+)" is already in this list with a status of "(.*)"\.', "„\\1“ ist schon in der Liste, Status „\\2“."),
)


def told(problem: Problem, switches: Switches) -> Problem:
    """The refusal as this account reads it."""
    if switches.language == "en":
        return problem
    return Problem(
        problem.status,
        TITLES.get(problem.title, problem.title),
        sentence(problem.detail, switches),
        errors=[{**error, "message": message(error["message"], switches)} for error in problem.errors],
        has_type=problem.has_type,
        allow=problem.allow,
    )


def message(text: str, switches: Switches) -> str:
    """What is said of one field: a merge field's message is translated always."""
    return MESSAGES.get(text) or sentence(text, switches) if switches.language == "de" else text


def sentence(text: str, switches: Switches) -> str:
    """A detail, or another sentence; translated where the switches say that these are too."""
    if switches.language == "de" and switches.language_in_details:
        for pattern, german in SENTENCES:
            if found := re.fullmatch(pattern, text):
                return found.expand(german)
    return text
