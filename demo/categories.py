"""The categories of the drawn catalogue: the ten of the two samples and twenty-two others, with real ids and names.

Names are the shop's own, slips included: trailing spaces, a doubled space, commas, quotes and a dash outside ASCII are
what a reader of the real `category_names.csv` meets.
"""

# A table reads better in lines than in columns of single words; the long dash is the shop's.
# ruff: noqa: E501, RUF001

import csv
import io
from typing import NamedTuple

WINE, BAG, REST = SETS = ("wine", "mixed_bag", "rest")


class Category(NamedTuple):
    """A category, how it is drawn, and its share of its set's products."""

    category_id: int
    level1: str
    level2: str
    level3: str
    set_name: str
    kind: str
    weight: int


# Weights of the two samples are the products of the whole real train.bson.
CATEGORIES = (
    Category(1000003400, "VIN - ALCOOL - LIQUIDES", "VIN", "VIN ROUGE", WINE, "red", 4398),
    Category(1000003402, "VIN - ALCOOL - LIQUIDES", "VIN", "VIN BLANC", WINE, "white", 1346),
    Category(1000003404, "VIN - ALCOOL - LIQUIDES", "VIN", "VIN ROSE", WINE, "rose", 405),
    Category(1000003407, "VIN - ALCOOL - LIQUIDES", "CHAMPAGNE - PETILLANT - MOUSSEUX", "CHAMPAGNE", WINE, "champagne", 920),
    Category(1000003437, "VIN - ALCOOL - LIQUIDES", "ALCOOL", "WHISKY-BOURBON-SCOTCH", WINE, "whisky", 847),
    Category(1000014042, "LIBRAIRIE", "ARTS - CINEMA - MUSIQUE", "PHOTOGRAPHIE ", BAG, "book", 4401),
    Category(1000005888, "AUTO - MOTO", "PIECES", "FUSIBLES", BAG, "fuse", 1348),
    Category(1000002844, "BRICOLAGE - OUTILLAGE - QUINCAILLERIE", "QUINCAILLERIE", "CHARNIERE - FICHE - PAUMELLE D'AMEUBLEMENT - PIVOT", BAG, "hinge", 845),
    Category(1000003988, "HYGIENE - BEAUTE - PARFUM", "CAPILLAIRE", "PRODUIT DE DEFRISAGE - PRODUIT DE LISSAGE", BAG, "lotion", 402),
    Category(1000015754, "LITERIE", "ACCESSOIRES LITERIE", "TETE DE LIT", BAG, "headboard", 920),
    Category(1000002239, "ART DE LA TABLE - ARTICLES CULINAIRES", "CUISSON DES ALIMENTS", "POELE - SAUTEUSE", REST, "pan", 8),
    Category(1000002287, "ART DE LA TABLE - ARTICLES CULINAIRES", "SERVICE APERITIF - OENOLOGIE", "POMPE A VIN - POMPE DE CONSERVATION VIN ", REST, "wine_pump", 3),
    Category(1000002361, "ART DE LA TABLE - ARTICLES CULINAIRES", "SERVICE PETIT DEJEUNER", "BOL - MUG - MAZAGRAN", REST, "mug", 10),
    Category(1000012028, "AUTO - MOTO", "PIECES", "BOITIER - COQUE DE CLE - TELECOMMANDE", REST, "key", 9),
    Category(1000013129, "AUTO - MOTO", "PNEUS", "PNEUS", REST, "tyre", 7),
    Category(1000009993, "BAGAGERIE", "ACCESSOIRES BAGAGE", "PARAPLUIE", REST, "umbrella", 6),
    Category(1000010026, "BAGAGERIE", "BAGAGES", "VALISE OU BAGAGE VENDU SEUL", REST, "suitcase", 9),
    Category(1000010100, "BIJOUX -  LUNETTES - MONTRES", "BIJOUX", "BAGUE - ANNEAU", REST, "ring", 10),
    Category(1000010151, "BIJOUX -  LUNETTES - MONTRES", "LUNETTES", "LUNETTES DE SOLEIL", REST, "sunglasses", 7),
    Category(1000010170, "BIJOUX -  LUNETTES - MONTRES", "MONTRES", "MONTRE BRACELET", REST, "watch", 9),
    Category(1000022197, "BRICOLAGE - OUTILLAGE - QUINCAILLERIE", "ELECTRICITE - DOMOTIQUE", "DOUILLE DE LAMPE – CULOT DE LAMPE ", REST, "bulb", 4),
    Category(1000012900, "BRICOLAGE - OUTILLAGE - QUINCAILLERIE", "PILE - LAMPE ELECTRIQUE", "LAMPE ELECTRIQUE - LAMPE DE POCHE", REST, "torch", 6),
    Category(1000010538, "CHAUSSURES - ACCESSOIRES", "BASKET - SPORTSWEAR", "BASKET", REST, "sneaker", 9),
    Category(1000001844, "DECO - LINGE - LUMINAIRE", "ARTICLES - DECORATION DE FETE ", "BALLON DECORATIF - POMPE POUR BALLON", REST, "balloons", 5),
    Category(1000012975, "DECO - LINGE - LUMINAIRE", "BOUGEOIR - PHOTOPHORE - BOUGIE - SENTEUR", "BOUGIE (HORS ANNIVERSAIRE)", REST, "candle", 6),
    Category(1000001703, "DECO - LINGE - LUMINAIRE", "COUSSIN ET HOUSSE", "COUSSIN", REST, "cushion", 9),
    Category(1000012965, "DECO - LINGE - LUMINAIRE", "HORLOGE - REVEIL", "HORLOGE", REST, "clock", 6),
    Category(1000018691, "JEUX - JOUETS", "JEUX DE RECRE - JEUX D'EXTERIEUR",
             "PISTOLET A BOULE - A BILLE (PUISSANCE INFERIEURE A 0,07 JOULE) - A FLECHETTE EN MOUSSE - VENTOUSE - PLASTIQUE", REST, "blaster", 4),
    Category(1000009052, "JEUX - JOUETS", "POUPEE - PELUCHE", "PELUCHE", REST, "teddy", 7),
    Category(1000019289, "SPORT", "CYCLES", 'VELO ENFANT (10" - 12" - 14" - 16")', REST, "bicycle", 4),
    Category(1000016540, "ANIMALERIE", "VETEMENT - ACCESSOIRE", "T-SHIRT - BODY - TOP", REST, "shirt", 5),
    Category(1000010641, "TELEPHONIE - GPS", "ACCESSOIRE TELEPHONE", "CABLE TELEPHONE - CONNECTIQUE TELEPHONE", REST, "cable", 6),
)  # fmt: skip

SHARE_OF_SET = {WINE: 0.361, BAG: 0.361, REST: 0.278}
"""Share of the catalogue's products: 1,300 of the default 3,600 for each sample, so that both train and test on as many."""


def apportion(total: int, weights: list[float], minimum: int = 0) -> list[int]:
    """Divide a total into whole numbers by weight, largest remainders first, each at least `minimum`."""
    spare = total - minimum * len(weights)
    if spare < 0:
        raise ValueError(f"{total} cannot be divided into {len(weights)} parts of at least {minimum}")
    # The minimum counts towards a part's share, so that large totals keep the exact proportions.
    wanted = [total * weight / sum(weights) for weight in weights]
    above = [max(share - minimum, 0.0) for share in wanted]
    scale = spare / sum(above) if sum(above) else 0.0
    counts = [int(part * scale) for part in above]
    order = sorted(range(len(weights)), key=lambda part: counts[part] - above[part] * scale)
    for part in order[: spare - sum(counts)]:
        counts[part] += 1
    return [minimum + count for count in counts]


def names_csv() -> bytes:
    """Return the names file in the real layout: UTF-8, quotes only where they are needed."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("category_id", "category_level1", "category_level2", "category_level3"))
    for category in sorted(CATEGORIES, key=lambda one: (one.level1, one.level2, one.level3)):
        writer.writerow(category[:4])
    return text.getvalue().encode()
