"""Words that Danish sample people are made of.

Belongs here: lists, commonest first. Does not: chance, records.
Names are common ones of Denmark; nobody in particular is meant.
"""

FIRST_NAMES: tuple[str, ...] = (
    *("Anne", "Peter", "Kirsten", "Michael", "Mette", "Jens", "Hanne", "Lars", "Anna", "Henrik", "Helle", "Thomas"),
    *("Susanne", "Søren", "Lene", "Jan", "Maria", "Niels", "Marianne", "Christian", "Inge", "Jørgen", "Karen", "Hans"),
    *("Lone", "Martin", "Bente", "Ole", "Camilla", "Rasmus", "Pia", "Morten", "Jytte", "Bjørn", "Charlotte", "Åge"),
    *("Anne-Mette", "Karl-Erik", "Sofie", "Mikkel", "Frederikke", "Bo", "Astrid", "Hüseyin", "Aïcha", "Ebbe", "Gry"),
)
MIDDLE_NAMES: tuple[str, ...] = ("", "", "", "", "Bach", "Holm", "Kjær", "Lund", "Skov", "Østergaard", "de", "v.")
SURNAMES: tuple[str, ...] = (
    *("Nielsen", "Jensen", "Hansen", "Andersen", "Pedersen", "Christensen", "Larsen", "Sørensen", "Rasmussen"),
    *("Jørgensen", "Petersen", "Madsen", "Kristensen", "Olsen", "Thomsen", "Christiansen", "Poulsen", "Johansen"),
    *("Møller", "Mortensen", "Knudsen", "Nørgaard", "Bæk", "Fisker", "Thygesen", "Dam", "Bertelsen", "Højgaard"),
    *("Lauridsen", "Winther", "Ågård", "Toft", "Søndergaard", "Y\u0131lmaz", "Nguyen", "Ibrahim", "Sæby", "Krogh-Juhl"),
)
INSTITUTIONS: tuple[str, ...] = (
    *("Biblioteket i Hjørring", "Skagen Havnekontor", "Ebeltoft Lystbådehavn", "Plejehjemmet Søbo", "Marstal Skole"),
    *("Foreningen Gamle Skibe", "Esbjerg Fiskeriforening", "Sundhedshuset Struer", "Læsø Kulturhus"),
)
MAIL_HOSTS: tuple[str, ...] = ("postkassen", "kystmail", "fibernettet", "brevduen", "havnepost", "hjemmenet")
STREETS: tuple[str, ...] = (
    *("Havnegade", "Østergade", "Skolevej", "Strandvejen", "Kirkestien", "Møllebakken", "Søndergade", "Ågade"),
    *("Fyrvej", "Vestre Ringgade", "Rønnevænget", "Præstegårdsvej"),
)
# Postcode and town; that of Copenhagen's post office begins with a zero.
TOWNS: tuple[tuple[str, str], ...] = (
    *(("8000", "Aarhus C"), ("9990", "Skagen"), ("5700", "Svendborg"), ("6700", "Esbjerg"), ("2100", "København Ø")),
    *(("3700", "Rønne"), ("7600", "Struer"), ("9940", "Læsø"), ("8400", "Ebeltoft"), ("0999", "København C")),
    *(("4930", "Maribo"), ("5960", "Marstal")),
)
