"""Names of as many categories as the catalogue has, in a tree of its shape."""

import numpy as np
import pandas as pd

NUM_LEVEL1, NUM_LEVEL2, NUM_LEVEL3 = 49, 483, 5263
NUM_CATEGORIES = 5270
"""Seven more than names of level 3: as in Kaggle's category_names.csv, names are not unique."""

_GOODS = [
    "TABLE", "CHAISE", "LAMPE", "TAPIS", "RIDEAU", "COUSSIN", "VASE", "MIROIR", "ARMOIRE", "LIT", "COUETTE", "DRAP",
    "SERVIETTE", "ASSIETTE", "VERRE", "COUTEAU", "POELE", "FOUR", "GRILLE-PAIN", "CAFETIERE", "ROBOT", "MIXEUR",
    "ASPIRATEUR", "PERCEUSE", "VIS", "CLOU", "PEINTURE", "ROBINET", "CARRELAGE", "ECROU", "SAC", "MONTRE", "BAGUE",
    "COLLIER", "CHEMISE", "PANTALON", "JUPE", "ROBE", "MANTEAU", "CHAUSSURE", "BOTTE", "CHAPEAU", "LIVRE", "DISQUE",
    "JEU", "POUPEE", "PUZZLE", "VELO", "BALLON", "RAQUETTE", "TENTE", "PNEU", "BATTERIE", "ESSUIE-GLACE", "CLAVIER",
    "ECRAN", "CABLE", "CASQUE", "ENCEINTE", "CARTE-MERE", "OBJECTIF",
]  # fmt: skip
_OF = ["A", "EN", "DE", "POUR", "SANS", "AVEC"]
_KINDS = [
    "BOIS", "METAL", "VERRE", "COTON", "LAINE", "CUIR", "PLASTIQUE", "ENFANT", "BEBE", "HOMME", "FEMME", "CUISINE",
    "JARDIN", "BUREAU", "VOITURE", "MOTO", "SALON", "CHAMBRE", "VOYAGE", "SPORT", "FETE", "NOEL", "ETE", "HIVER",
    "CHIEN", "CHAT", "CHEVAL", "OISEAU", "POISSON", "MUSIQUE", "PHOTO", "ECOLE", "D'ATELIER", "D'ETUDE",
]  # fmt: skip


def make_names(num_categories: int = NUM_CATEGORIES, seed: int = 0) -> pd.DataFrame:
    """Return category_id and three names of each category, in a tree of the catalogue's shape.

    Some names carry quotes or trailing spaces, and a few of level 3 are shared, as in the catalogue.
    """
    random = np.random.default_rng(seed)

    def name(number: int) -> str:
        number, goods = divmod(number, len(_GOODS))
        number, kind = divmod(number, len(_KINDS))
        text = f"{_GOODS[goods]} {_OF[number % len(_OF)]} {_KINDS[kind]}"
        more = number // len(_OF)
        return f"{text} N°{more}" if more else text

    def names(count: int) -> list[str]:
        wanted = random.permutation(len(_GOODS) * len(_KINDS) * len(_OF))[:count]
        found = [name(int(number)) for number in wanted]
        return [f'{one} "LUXE"' if place % 97 == 5 else one for place, one in enumerate(found)]

    level1, level2, level3 = (names(count) for count in (NUM_LEVEL1, NUM_LEVEL2, NUM_LEVEL3))
    # A few large families and many small ones; every name is used.
    above2 = np.concatenate([np.arange(NUM_LEVEL1), _skewed(NUM_LEVEL1, NUM_LEVEL2 - NUM_LEVEL1, random)])
    above3 = np.concatenate([np.arange(NUM_LEVEL2), _skewed(NUM_LEVEL2, NUM_CATEGORIES - NUM_LEVEL2, random)])
    own = np.concatenate([np.arange(NUM_LEVEL3), np.arange(NUM_CATEGORIES - NUM_LEVEL3)])
    table = pd.DataFrame(
        {
            "category_id": 1_000_000_000 + 17 * np.arange(NUM_CATEGORIES),
            "level1": [level1[above2[parent]] for parent in above3],
            "level2": [level2[parent] for parent in above3],
            "level3": [level3[place] + (" " if place % 113 == 7 else "") for place in own],
        }
    )
    return table.head(num_categories)


def _skewed(num: int, size: int, random: np.random.Generator) -> np.ndarray:
    shares = 1 / (np.arange(num) + 5.0)
    return random.choice(num, size, p=shares / shares.sum())
