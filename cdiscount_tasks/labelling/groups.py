"""Groups: products tied by shared images, which no split may part."""

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components


def num_products_per_image(image: np.ndarray, product: np.ndarray) -> np.ndarray:
    """Count the distinct products that each row's image stands in.

    Args:
        image: int64, [num_rows], which distinct image a row shows, counted from 0.
        product: int64, [num_rows], which product a row belongs to.

    Returns:
        int64, [num_rows].
    """
    pairs = np.unique(np.stack([image, product], axis=1), axis=0)
    return np.asarray(np.bincount(pairs[:, 0], minlength=image.max(initial=-1) + 1)[image])


def group_products(product_ids: np.ndarray, product: np.ndarray, *images: np.ndarray) -> np.ndarray:
    """Tie products together that share an image, directly or through others.

    Args:
        product_ids: int64, [num_products].
        product: int64, [num_rows], each in [0, num_products): the product of each image.
        *images: int64, [num_rows], from 0: which distinct image a row shows, by one or several notions of "same".

    Returns:
        int64, [num_products]: the smallest product_id of the group of each.
    """
    num_products = len(product_ids)
    first_node = num_products
    products, nodes = [], []
    for image in images:
        products.append(product)
        nodes.append(image + first_node)
        first_node += int(image.max(initial=-1)) + 1
    edges = (np.concatenate(products), np.concatenate(nodes))
    graph = coo_array((np.ones(len(edges[0]), np.int8), edges), shape=(first_node, first_node))
    component = connected_components(graph, directed=False)[1][:num_products]
    smallest = np.full(component.max(initial=-1) + 1, np.iinfo(np.int64).max)
    np.minimum.at(smallest, component, product_ids)
    return np.asarray(smallest[component])
