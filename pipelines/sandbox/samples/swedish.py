"""Words that Swedish sample people are made of.

Belongs here: lists, commonest first. Does not: chance, records.
Names are common ones of Sweden; nobody in particular is meant.
"""

FIRST_NAMES: tuple[str, ...] = (
    *("Anna", "Lars", "Eva", "Mikael", "Maria", "Anders", "Karin", "Johan", "Sara", "Erik", "Kristina", "Per"),
    *("Lena", "Karl", "Emma", "Peter", "Kerstin", "Thomas", "Malin", "Daniel", "Åsa", "Fredrik", "Elin", "Göran"),
    *("Ingrid", "Björn", "Märta", "Oskar", "Linnéa", "Viktor", "Ebba", "Håkan", "Sofia", "Axel", "Fatima", "Ali"),
    *("Anna-Karin", "Carl-Johan", "Wilma", "Elias", "Märit", "Össur", "Zofia", "Mohammed", "Åke", "Tuva", "Noël"),
)
SURNAMES: tuple[str, ...] = (
    *("Andersson", "Johansson", "Karlsson", "Nilsson", "Eriksson", "Larsson", "Olsson", "Persson", "Svensson"),
    *("Gustafsson", "Pettersson", "Jonsson", "Lindberg", "Lindström", "Lindqvist", "Bergström", "Sandberg", "Öberg"),
    *("Åkesson", "Sjögren", "Holm", "Nyström", "Ekström", "Wikström", "Åström", "Björk", "von Rosen", "af Klint"),
    *("Hassan", "Y\u0131lmaz", "Nguyen", "Kowalski", "Sæther", "Berg-Lundén", "O'Neill", "Käll"),
)
PROGRAMMES: tuple[str, ...] = (
    *("Civilekonomprogrammet", "Juristprogrammet", "Lärarprogrammet", "Datateknik", "Socionomprogrammet"),
    *("Sjuksköterskeprogrammet", "Miljö och hälsa", "Spel & ljud"),
)
CITIES: tuple[str, ...] = (
    *("Stockholm", "Göteborg", "Malmö", "Uppsala", "Västerås", "Örebro", "Umeå", "Lund", "Växjö", "Åre", "Visby"),
)
COUNTRIES: tuple[str, ...] = ("Sverige", "Sverige", "Sverige", "Sverige", "Norge", "Finland", "Tyskland", "Kanada")
OFFICERS: tuple[str, ...] = ("A. Sjöholm", "M. Wallin", "P. Åberg", "S. Ekdahl", "K. Norén")
EMPLOYERS: tuple[str, ...] = ("lansbiblioteket", "nordverk", "sjoegards-skola", "fjallhalsan", "malarkonsult")
MAIL_HOSTS: tuple[str, ...] = ("brevlada", "skogsmail", "fjallnet", "skargard", "studentpost", "hemmanet")
