"""Words that Italian sample people and organisations are made of.

Belongs here: lists, commonest first. Does not: chance, records.
Names are common ones of Italy; nobody in particular is meant.
"""

# First name and sex.
FIRST_NAMES: tuple[tuple[str, str], ...] = (
    *(("Maria", "F"), ("Giuseppe", "M"), ("Anna", "F"), ("Giovanni", "M"), ("Francesca", "F"), ("Antonio", "M")),
    *(("Sara", "F"), ("Marco", "M"), ("Laura", "F"), ("Andrea", "M"), ("Giulia", "F"), ("Luca", "M"), ("Elena", "F")),
    *(("Francesco", "M"), ("Chiara", "F"), ("Alessandro", "M"), ("Valentina", "F"), ("Roberto", "M")),
    *(("Alessia", "F"), ("Stefano", "M"), ("Silvia", "F"), ("Matteo", "M"), ("Martina", "F"), ("Davide", "M")),
    *(("Federica", "F"), ("Nicolò", "M"), ("Noemi", "F"), ("Niccolò", "M"), ("Ilaria", "F"), ("Gian Luca", "M")),
    *(("Maria Grazia", "F"), ("Pierpaolo", "M"), ("Ornella", "F"), ("Désirée", "F"), ("Youssef", "M")),
    *(("Ana", "F"), ("Ionuț", "M"), ("Aïcha", "F"), ("Lin", "F")),
)
SURNAMES: tuple[str, ...] = (
    *("Rossi", "Russo", "Ferrari", "Esposito", "Bianchi", "Romano", "Colombo", "Ricci", "Marino", "Greco", "Bruno"),
    *("Gallo", "Conti", "De Luca", "Mancini", "Costa", "Giordano", "Rizzo", "Lombardi", "Moretti", "Barbieri"),
    *("Fontana", "Santoro", "Mariani", "Rinaldi", "Caruso", "Ferrara", "Galli", "Martini", "Leone", "Longo"),
    *("D'Angelo", "Dell'Acqua", "De Santis", "Di Stefano", "Nicolò", "Cantù", "Bertè", "Lo Presti", "Popescu"),
    *("El Amrani", "Hu", "Pérez", "Thöni", "Marchesini"),
)
# Town, province, postcode; many of them begin with a zero.
TOWNS: tuple[tuple[str, str, str], ...] = (
    *(("Roma", "RM", "00184"), ("Milano", "MI", "20121"), ("Torino", "TO", "10121"), ("Bologna", "BO", "40121")),
    *(("Rimini", "RN", "47921"), ("Sassari", "SS", "07100"), ("Forlì", "FC", "47121"), ("Cagliari", "CA", "09124")),
    *(("Perugia", "PG", "06121"), ("L'Aquila", "AQ", "67100"), ("Cantù", "CO", "22063"), ("Bolzano", "BZ", "39100")),
    *(("Viterbo", "VT", "01100"), ("Latina", "LT", "04100")),
)
STREETS: tuple[str, ...] = (
    *("Via Roma", "Via Garibaldi", "Corso Italia", "Piazza della Libertà", "Via dei Mille", "Viale Europa"),
    *("Via XX Settembre", "Largo Sant'Anna", "Vicolo Stretto", "Via Città di Castello"),
)
TRADES: tuple[str, ...] = (
    *("Officina", "Panificio", "Studio", "Farmacia", "Libreria", "Tipografia", "Cantina", "Ottica", "Caffè"),
    *("Edilizia", "Trasporti", "Agriturismo", "Gelateria", "Ferramenta"),
)
LEGAL_FORMS: tuple[str, ...] = ("S.r.l.", "S.n.c.", "S.p.A.", "& C. S.a.s.", "Soc. Coop.", "")
ASSOCIATIONS: tuple[str, ...] = (
    *("Polisportiva", "Circolo Tennis", "Atletica", "Società Ciclistica", "Centro Culturale", "Pro Loco"),
    *("Banda Musicale", "Accademia Danza", "Gruppo Escursionisti", "Unità Cinofila"),
)
ASSOCIATION_FORMS: tuple[str, ...] = ("APS", "ASD", "ODV", "ETS", "Onlus")
OFFICERS: tuple[str, ...] = ("Segreteria Centro", "Segreteria Nord", "P. Bellini", "C. Fabbri", "L. Sartori")
# Of members of an association, and of a company's customers: nobody is in both samples.
HOME_HOSTS: tuple[str, ...] = ("postaviva", "retecasa", "lagomail", "collinet")
OFFICE_HOSTS: tuple[str, ...] = ("portovento", "corriera", "ufficiomail", "valigetta")
