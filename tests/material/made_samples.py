"""Samples of made-up features: classes are points, pictures lie round them, groups share pictures."""

import numpy as np

from cdiscount_tasks.learning.features.matching import Material


def make_material(groups_by_class, apart=4.0, products_per_group=(1,), images_per_product=(1,), seed=0, num_features=6):
    """Make a sample whose class centres lie `apart` spreads from the origin, each in a direction of its own.

    Sizes of groups and products go round the given ones, so that all counts are known.
    """
    random = np.random.default_rng(seed)
    centres = apart * np.eye(num_features)[np.arange(len(groups_by_class)) % num_features]
    class_index, group_id, product_of_image, picture, features = [], [], [], [], []
    number = 0
    for label, num_groups in enumerate(groups_by_class):
        for _ in range(num_groups):
            number += 1
            shared = 10_000 + number
            for member in range(products_per_group[number % len(products_per_group)]):
                product = len(class_index)
                class_index.append(label)
                group_id.append(number)
                for image in range(images_per_product[product % len(images_per_product)]):
                    product_of_image.append(product)
                    is_shared = image == 0 and member > 0
                    picture.append(shared if image == 0 else 100_000 + len(picture))
                    own = centres[label] + random.normal(size=num_features)
                    features.append(features[-1] if is_shared else own)
    return Material(
        features=np.array(features, np.float32),
        product_of_image=np.array(product_of_image, np.int64),
        distinct_image=np.array(picture, np.int64),
        class_index=np.array(class_index, np.int64),
        group_id=np.array(group_id, np.int64) * 7,
    )
