"""Words that Dutch sample people are made of.

Belongs here: lists, commonest first. Does not: chance, records.
Names are common ones of the Netherlands; nobody in particular is meant.
"""

FIRST_NAMES: tuple[tuple[str, str], ...] = (
    *(("Jan", "M"), ("Maria", "V"), ("Johan", "M"), ("Anna", "V"), ("Peter", "M"), ("Johanna", "V"), ("Kees", "M")),
    *(("Ingrid", "V"), ("Henk", "M"), ("Marieke", "V"), ("Willem", "M"), ("Esther", "V"), ("Pieter", "M")),
    *(("Linda", "V"), ("Bas", "M"), ("Sanne", "V"), ("Mark", "M"), ("Anouk", "V"), ("Erik", "M"), ("Wilma", "V")),
    *(("Thijs", "M"), ("Lotte", "V"), ("Ruben", "M"), ("Femke", "V"), ("Sjoerd", "M"), ("Fatima", "V"), ("Daan", "M")),
    *(("Roos", "V"), ("Jeroen", "M"), ("Monique", "V"), ("Mohamed", "M"), ("Annemiek", "V"), ("Gerard", "M")),
    *(("Zoë", "V"), ("Joost", "M"), ("Yvonne", "V"), ("Mehmet", "M"), ("Loïs", "V"), ("Wouter", "M"), ("Noor", "V")),
    *(("Maarten", "M"), ("Corrie", "V"), ("André", "M"), ("Chloë", "V"), ("Jan-Willem", "M"), ("Anne-Fleur", "V")),
    *(("Koen", "M"), ("Maud", "V"), ("Hessel", "M"), ("Renée", "V"), ("Bram", "M"), ("Ilse", "V"), ("René", "M")),
    *(("Jiska", "V"), ("Teun", "M"), ("Saskia", "V"), ("Niek", "M"), ("Danïelle", "V"), ("Sietse", "M")),
)
SURNAMES: tuple[str, ...] = (
    *("de Jong", "Jansen", "de Vries", "van den Berg", "van Dijk", "Bakker", "Janssen", "Visser", "Smit", "Meijer"),
    *("de Boer", "Mulder", "de Groot", "Bos", "Vos", "Peters", "Hendriks", "van Leeuwen", "Dekker", "Brouwer"),
    *("de Wit", "Dijkstra", "Smits", "de Graaf", "van der Meer", "van der Linden", "Kok", "Jacobs", "de Haan"),
    *("Vermeulen", "van den Heuvel", "van der Veen", "van den Broek", "de Bruijn", "de Bruin", "van der Heijden"),
    *("Schouten", "van Beek", "Willems", "van Vliet", "van de Ven", "Hoekstra", "Maas", "Verhoeven", "Koster"),
    *("van Dam", "van der Wal", "Prins", "Blom", "Huisman", "Peeters", "de Jonge", "Kuipers", "van Veen", "Post"),
    *("Kuiper", "Veenstra", "Kramer", "van den Brink", "Scholten", "van Wijk", "Postma", "Martens", "Vink"),
    *("de Ruiter", "Timmermans", "Groen", "Gerritsen", "Jonker", "van Loon", "Boer", "van der Velde", "Willemsen"),
    *("Smeets", "de Lange", "de Vos", "Bosch", "van Dongen", "Schipper", "de Koning", "van der Laan", "Koning"),
    *("Driessen", "Hermans", "Evers", "van den Bosch", "van der Meulen", "Hofman", "Bosman", "Wolters", "Sanders"),
    *(
        "Y\u0131lmaz",
        "El Idrissi",
        "Nguyen",
        "Kaya",
        "Öztürk",
        "Müller",
        "Pérez",
        "'t Hart",
        "van 't Hof",
        "in 't Veld",
    ),
    *("ten Brink", "ter Horst", "op den Kamp", "de Vries-Bakker", "van der Berg-de Jong", "Brønsted", "Françoise"),
)
TRADES: tuple[str, ...] = (
    *("Bakkerij", "Bouwbedrijf", "Garage", "Installatiebedrijf", "Slagerij", "Kapsalon", "Hoveniersbedrijf"),
    *("Transportbedrijf", "Schildersbedrijf", "Restaurant", "Fysiotherapie", "Makelaardij", "Loonbedrijf", "Café"),
    *("Administratiekantoor", "Bloemenhuis", "Rijwielhandel", "Timmerbedrijf", "Tandartspraktijk", "Drukkerij"),
    *("Kwekerij", "Hotel", "Kinderopvang", "Apotheek", "Vishandel", "Metaalbewerking", "Reisbureau", "Meubelmakerij"),
)
LEGAL_FORMS: tuple[str, ...] = ("B.V.", "B.V.", "V.O.F.", "", "Holding B.V.", "Beheer B.V.")
MAIL_HOSTS: tuple[str, ...] = ("thuispost", "kabelmail", "glasmail", "postvak", "dorpsnet", "polderpost", "webbrief")
STREETS: tuple[str, ...] = (
    *("Kerkstraat", "Dorpsstraat", "Schoolstraat", "Molenweg", "Stationsweg", "Julianastraat", "Nieuwstraat"),
    *("Industrieweg", "Beatrixlaan", "Havenkade", "Burgemeester Smitsweg", "'s-Gravelandseweg", "Oude Rijn"),
)
CITIES: tuple[str, ...] = (
    *("Amsterdam", "Utrecht", "Zwolle", "Breda", "'s-Hertogenbosch", "Leeuwarden", "Gouda", "Apeldoorn", "Tiel"),
    *("Middelburg", "Venlo", "Hoorn", "Sneek", "Oss", "Curaçao"),
)
MANAGERS: tuple[str, ...] = (
    *("A. Verbeek", "M. Hoogland", "R. Pietersen", "S. van Rijn", "T. Aarts", "L. de Wolf", "J. Özcan", "B. Terpstra"),
)
CORRESPONDENCE_GROUPS: tuple[str, ...] = (
    *("Nieuwsbrief", "Jaarrekening", "Salarisadministratie", "BTW-aangifte", "Inkomstenbelasting"),
    *("Relatiegeschenk", "Seminars", "Agrarisch", "DGA & estate planning", "Starters"),
)
JOB_TITLES: tuple[str, ...] = (
    "Directeur",
    "Eigenaar",
    "Administrateur",
    "Hoofd financiën",
    "Secretaresse",
    "Bedrijfsleider",
)
