"""Models that are judged: artifacts of labels, model and evaluation as the stages leave them; no network is behind."""

from pathlib import Path

import numpy as np
import pandas as pd

from cdiscount_tasks.artifacts.json_files import write_json
from cdiscount_tasks.artifacts.publish import Made, build_artifact
from cdiscount_tasks.artifacts.recipe import Recipe
from cdiscount_tasks.learning.measuring.calibration import choose_calibration, tempered
from cdiscount_tasks.stages.inputs import JudgedModel
from cdiscount_tasks.tables import parquet, schemas
from cdiscount_tasks.vocabulary import SPLITS
from tests.material.registry_models import CONTRACT

KNOWN = (1000000011, 1000000022, 1000000033)
NAMES = ("RED", "GREEN", "BLUE", "BLACK")
SURE = 0.9


def make_products(num_groups=150, categories=KNOWN, first_id=1000):
    """Return products, two to a group, one split and one category a group; the splits have as many each."""
    group = np.repeat(np.arange(num_groups), 2)
    product_id = first_id + np.arange(2 * num_groups)
    return pd.DataFrame(
        {
            "product_id": product_id,
            "group_id": first_id + 2 * group,
            "category_id": np.asarray(categories)[group // len(SPLITS) % len(categories)],
            "split": np.asarray(SPLITS)[group % len(SPLITS)],
        }
    )


def _make(parent, stage, name, write, inputs=None):
    parent.mkdir(parents=True, exist_ok=True)
    recipe = Recipe(stage, 1, {"name": name}, inputs or {})
    return Path(build_artifact(recipe.dir_in(parent), recipe, lambda part: Made(write(part) or {}))["path"])


def _classes(products, categories, names):
    table = pd.DataFrame({"class_index": range(len(categories)), "category_id": categories})
    table = table.assign(level1="ALL", level2="SOME", level3=list(names or NAMES[: len(categories)]))
    for split in SPLITS:
        counts = products.loc[products["split"] == split, "category_id"].value_counts()
        found = table["category_id"].map(counts).fillna(0).astype(int)
        table[f"num_products_{split}"] = table[f"num_images_{split}"] = found
    return table[schemas.CLASSES.names]


def digest(number):
    """Return a hash of 16 bytes that stands for an image."""
    return int(number).to_bytes(16, "big")


def images_of(products):
    """Return the images of labelled products, one each, which no other product shares."""
    hashes = list(map(digest, products.get("image", products["product_id"])))
    columns = products[["product_id", "class_index", "split"]].assign(image_number=0, learnt=True)
    return columns.assign(content_hash=hashes, pixel_hash=hashes)[schemas.LABEL_IMAGES.names]


def write_labels(parent, products, name="labels", categories=KNOWN, names=None):
    """Write a labels artifact of products; returns its folder."""

    def write(part_dir):
        index = products["category_id"].map({one: place for place, one in enumerate(categories)})
        rows = products.assign(
            label=products["category_id"], class_index=index, train_class_index=index, rule="as_given", conflicted=False
        )
        parquet.write_table(part_dir / "products.parquet", rows[schemas.LABEL_PRODUCTS.names], schemas.LABEL_PRODUCTS)
        parquet.write_table(part_dir / "classes.parquet", _classes(products, categories, names), schemas.CLASSES)
        parquet.write_table(part_dir / "images.parquet", images_of(rows), schemas.LABEL_IMAGES)

    return _make(parent, "labels", name, write)


def write_model(parent, products, name, categories=KNOWN, names=None):
    """Write a model artifact that no network could load; returns its folder."""

    def write(part_dir):
        (part_dir / "model.keras").write_text(f"the weights of {name}")
        write_json(part_dir / "input.json", CONTRACT)
        parquet.write_table(part_dir / "classes.parquet", _classes(products, categories, names), schemas.CLASSES)
        return {"network": "small_cnn"}

    return _make(parent, "model", name, write)


def _columns(rows, categories, wrong):
    num = len(categories)
    class_index = rows["category_id"].map({one: place for place, one in enumerate(categories)}).to_numpy(np.int64)
    predicted = np.where(rows["product_id"].isin(wrong), (class_index + 1) % num, class_index)
    rest = (1 - SURE) / (num - 1)
    probabilities = np.where(np.arange(num) == predicted[:, None], SURE, rest).astype(np.float32)
    return {
        **{name: rows[name].to_numpy() for name in ("product_id", "split", "group_id")},
        "class_index": class_index,
        "predicted": predicted,
        "conflicted": np.zeros(len(rows), bool),
        "probabilities": probabilities,
        "probability_of_label": probabilities[np.arange(len(rows)), class_index],
    }


def write_evaluation(parent, products, name, wrong=(), categories=KNOWN, inputs=None):
    """Write an evaluation artifact: every validation and test product is answered right but those of `wrong`."""

    def write(part_dir):
        rows = products[products["split"] != "train"].sort_values("product_id")
        columns = _columns(rows, categories, list(wrong))
        probabilities, true = columns["probabilities"], columns["class_index"]
        on_validation = columns["split"] == "validation"
        calibration = choose_calibration(
            *(one[on_validation] for one in (probabilities, true, columns["group_id"].astype(np.int64)))
        )
        confidence, in_label = tempered(probabilities, true, calibration["temperature"])
        columns |= {"probabilities": probabilities.tolist(), "squared_error": np.zeros(len(rows))}
        columns |= {"confidence": confidence, "confidence_in_label": in_label, "num_images": np.ones(len(rows))}
        columns["image_number"] = np.zeros(len(rows), np.int8)
        write_json(part_dir / "calibration.json", calibration)
        for file, by_image in (("predictions", False), ("image_predictions", True)):
            schema = schemas.prediction_schema(len(categories), by_image)
            parquet.write_table(part_dir / f"{file}.parquet", {key: columns[key] for key in schema.names}, schema)
        tested = (rows["split"] == "test").to_numpy()
        right = (columns["predicted"] == true)[tested]
        return {"test_product_accuracy": float(right.mean()), "num_test_products": int(tested.sum())}

    return _make(parent, "evaluation", name, write, inputs)


def ids_of(products, split, share=1.0, offset=0):
    """Return the products of the first share of a split's groups; `offset`: how many groups come before."""
    groups = products.loc[products["split"] == split, "group_id"].unique()
    chosen = groups[offset : offset + round(share * len(groups))]
    return products.loc[products["group_id"].isin(chosen), "product_id"].tolist()


def wrong_in(products, share, offset=0):
    """Return products of so large a share of the groups of validation, and of test."""
    return [one for split in ("validation", "test") for one in ids_of(products, split, share, offset)]


def write_judged(parent, products, name, wrong=(), labels_dir=None, categories=KNOWN, names=None):
    """Write a model that is wrong about some products; returns where it stands and what it answered."""
    labels_dir = labels_dir or write_labels(parent, products, categories=categories, names=names)
    model_dir = write_model(parent, products, name, categories, names)
    inputs = {"model": model_dir, "labels": labels_dir}
    return JudgedModel(labels_dir, model_dir, write_evaluation(parent, products, name, wrong, categories, inputs))
