"""A features artifact of some labels in which the classes lie apart, without a network."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from cdiscount_tasks.artifacts.publish import Made, build_artifact
from cdiscount_tasks.artifacts.recipe import Recipe
from cdiscount_tasks.tables import parquet, schemas

NUM_FEATURES = 12


def make_features(labels_dir: Path, artifacts_dir: Path, looks_like: dict[int, int] | None = None) -> Path:
    """Write features that tell the classes apart.

    Args:
        labels_dir: Finished labels artifact.
        artifacts_dir: Where the features artifact will stand.
        looks_like: Class index by product_id, where a product looks like another class than the catalogue says.
    """
    images = parquet.read_table(labels_dir / "images.parquet", schemas.LABEL_IMAGES).to_pandas()
    random = np.random.default_rng(0)
    look = images["product_id"].map(looks_like or {}).fillna(images["class_index"]).to_numpy(int)
    vectors = random.normal(size=(len(images), NUM_FEATURES)).astype(np.float32)
    vectors[np.arange(len(images)), look % NUM_FEATURES] += 8 * (1 + look // NUM_FEATURES)
    columns = {
        "product_id": images["product_id"],
        "image_number": images["image_number"],
        "vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors.astype(np.float16).reshape(-1)), NUM_FEATURES),
    }

    def write(part_dir):
        parquet.write_table(part_dir / "features.parquet", columns, schemas.features_schema(NUM_FEATURES, False))
        return {"network": "mobilenet_v2"}

    config = {"network": "mobilenet_v2", "image_size": 128, "looks": sorted((looks_like or {}).items())}
    recipe = Recipe("features", 1, config, {"labels": labels_dir}, {}, {})
    build_artifact(recipe.dir_in(artifacts_dir), recipe, lambda part_dir: Made(write(part_dir)))
    return recipe.dir_in(artifacts_dir)
