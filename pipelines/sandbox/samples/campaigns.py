"""What the owners of the sample syncs send: two campaigns each, in the language of their people.

Belongs here: subjects, categories, links. Does not: sending them (sandbox/marketer.py), reactions (sandbox/people.py).
"""

from collections.abc import Mapping

from pipelines.sandbox.marketer import Draft

CAMPAIGNS: Mapping[str, tuple[Draft, ...]] = {
    "iteras_mailchimp": (
        Draft(
            "Havnebladet 11/2026",
            "Nyt nummer på trapperne",
            "Udgivelser",
            ("https://havnebladet.example/nyt", "https://havnebladet.example/arkiv"),
        ),
        Draft("Velkommen tilbage", "Kom om bord igen", "Tilbud", ("https://havnebladet.example/tilbud",)),
    ),
    "tsc_mailup": (
        Draft(
            "Assemblea annuale",
            "Convocazione dell'assemblea dei soci",
            "Istituzionale",
            ("https://polisportiva.example/assemblea", "https://polisportiva.example/delega"),
        ),
        Draft("Corsi d'inverno", "Iscrizioni aperte ai corsi", "Corsi", ("https://polisportiva.example/corsi",)),
    ),
    "vtiger_mailup": (
        Draft(
            "Catalogo 2027",
            "Il nuovo catalogo è qui",
            "Prodotti",
            ("https://fornitore.example/catalogo", "https://fornitore.example/listino"),
        ),
        Draft("Giornata di formazione", "Vi aspettiamo a Bologna", "Eventi", ("https://fornitore.example/formazione",)),
    ),
    "mira_mailup": (
        Draft(
            "Höstbrev till alumner",
            "Nytt från din skola",
            "Alumnrelationer",
            ("https://skolan.example/hostbrev", "https://skolan.example/mentor"),
        ),
        Draft(
            "Webbinarium", "Välkommen till höstens webbinarium", "Utbildning", ("https://skolan.example/webbinarium",)
        ),
    ),
}
