"""The schemas of the Parquet tables. What each column means, with its unit, is in docs/data.md."""

import pyarrow as pa

MAX_CLASSES_IN_FULL = 256
NUM_TOP_CLASSES = 10
NUM_TOP_CATEGORIES = 5
"""Of a product of a predicted catalogue, so many of the most probable categories are kept."""

_HASH = pa.binary(16)

IMAGES = pa.schema(
    [
        pa.field("product_id", pa.int64(), nullable=False),
        pa.field("image_number", pa.int8(), nullable=False),
        pa.field("category_id", pa.int64()),
        pa.field("offset", pa.int64(), nullable=False),
        pa.field("length", pa.int32(), nullable=False),
        pa.field("width", pa.int16(), nullable=False),
        pa.field("height", pa.int16(), nullable=False),
        pa.field("content_hash", _HASH, nullable=False),
    ]
)
PRODUCTS = pa.schema(
    [
        pa.field("product_id", pa.int64(), nullable=False),
        pa.field("category_id", pa.int64()),
        pa.field("num_images", pa.int8(), nullable=False),
        pa.field("offset", pa.int64(), nullable=False),
        pa.field("length", pa.int32(), nullable=False),
    ]
)
REJECTED = pa.schema(
    [
        pa.field("stage", pa.string(), nullable=False),
        pa.field("byte_offset", pa.int64()),
        pa.field("byte_length", pa.int64()),
        pa.field("product_id", pa.int64()),
        pa.field("image_number", pa.int8()),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("detail", pa.string(), nullable=False),
    ]
)
SAMPLE_PRODUCTS = pa.schema(
    [
        pa.field("product_id", pa.int64(), nullable=False),
        pa.field("category_id", pa.int64(), nullable=False),
        pa.field("num_images", pa.int8(), nullable=False),
    ]
)
SAMPLE_IMAGES = pa.schema(
    [
        pa.field("product_id", pa.int64(), nullable=False),
        pa.field("image_number", pa.int8(), nullable=False),
        pa.field("category_id", pa.int64(), nullable=False),
        pa.field("jpeg", pa.binary(), nullable=False),
        pa.field("content_hash", _HASH, nullable=False),
    ]
)
SAMPLE_PLACES = pa.schema(
    [
        pa.field("product_id", pa.int64(), nullable=False),
        pa.field("image_number", pa.int8(), nullable=False),
        pa.field("category_id", pa.int64(), nullable=False),
        pa.field("content_hash", _HASH, nullable=False),
        pa.field("offset", pa.int64(), nullable=False),
        pa.field("length", pa.int32(), nullable=False),
    ]
)
"""Of the images of a sample that left them in the catalogue: where each is, instead of its bytes."""

LABEL_PRODUCTS = pa.schema(
    [
        pa.field("product_id", pa.int64(), nullable=False),
        pa.field("category_id", pa.int64(), nullable=False),
        pa.field("label", pa.int64()),
        pa.field("class_index", pa.int16(), nullable=False),
        pa.field("train_class_index", pa.int16()),
        pa.field("rule", pa.string(), nullable=False),
        pa.field("group_id", pa.int64(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
        pa.field("conflicted", pa.bool_(), nullable=False),
    ]
)
LABEL_IMAGES = pa.schema(
    [
        pa.field("product_id", pa.int64(), nullable=False),
        pa.field("image_number", pa.int8(), nullable=False),
        pa.field("class_index", pa.int16(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
        pa.field("content_hash", _HASH, nullable=False),
        pa.field("pixel_hash", _HASH, nullable=False),
        pa.field("learnt", pa.bool_(), nullable=False),
    ]
)
CLASSES = pa.schema(
    [
        pa.field("class_index", pa.int16(), nullable=False),
        pa.field("category_id", pa.int64(), nullable=False),
        pa.field("level1", pa.string(), nullable=False),
        pa.field("level2", pa.string(), nullable=False),
        pa.field("level3", pa.string(), nullable=False),
        *[
            pa.field(f"num_{what}_{split}", pa.int64(), nullable=False)
            for what in ("products", "images")
            for split in ("train", "validation", "test")
        ],
    ]
)
CONFLICTS = pa.schema(
    [
        pa.field("content_hash", _HASH, nullable=False),
        pa.field("category_ids", pa.list_(pa.int64()), nullable=False),
        pa.field("product_ids", pa.list_(pa.int64()), nullable=False),
        pa.field("decision", pa.string(), nullable=False),
    ]
)
ACTIVATION_MAPS = pa.schema(
    [
        pa.field("product_id", pa.int64(), nullable=False),
        pa.field("image_number", pa.int8(), nullable=False),
        pa.field("class_index", pa.int16(), nullable=False),
        pa.field("height", pa.int16(), nullable=False),
        pa.field("width", pa.int16(), nullable=False),
        pa.field("values", pa.list_(pa.float32()), nullable=False),
    ]
)
SEEN_BEFORE = pa.schema(
    [
        pa.field("product_id", pa.int64(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
        pa.field("content_hash", _HASH, nullable=False),
        pa.field("pixel_hash", _HASH, nullable=False),
    ]
)
HISTORY = pa.schema(
    [
        pa.field("phase", pa.string(), nullable=False),
        pa.field("epoch", pa.int16(), nullable=False),
        pa.field("train_loss", pa.float64(), nullable=False),
        pa.field("train_accuracy", pa.float64(), nullable=False),
        pa.field("validation_loss", pa.float64(), nullable=False),
        pa.field("validation_accuracy", pa.float64(), nullable=False),
        pa.field("learning_rate", pa.float64(), nullable=False),
        pa.field("seconds", pa.float64(), nullable=False),
        pa.field("images_per_s", pa.float64(), nullable=False),
        pa.field("num_resumes", pa.int16(), nullable=False),
    ]
)

TRIALS = pa.schema(
    [
        pa.field("number", pa.int16(), nullable=False),
        pa.field("knobs", pa.string(), nullable=False),
        pa.field("state", pa.string(), nullable=False),
        pa.field("num_epochs", pa.int16(), nullable=False),
        pa.field("accuracy", pa.float64()),
        pa.field("low", pa.float64()),
        pa.field("high", pa.float64()),
        pa.field("loss", pa.float64()),
        pa.field("seconds", pa.float64(), nullable=False),
    ]
)

SEEDS = pa.schema(
    [
        pa.field("seed", pa.int64(), nullable=False),
        pa.field("state", pa.string(), nullable=False),
        pa.field("num_epochs", pa.int16()),
        pa.field("best_epoch", pa.int16()),
        pa.field("validation_accuracy", pa.float64()),
        pa.field("validation_loss", pa.float64()),
        pa.field("seconds", pa.float64(), nullable=False),
    ]
)
RIGHT_PRODUCTS = pa.schema(
    [
        pa.field("product_id", pa.int64(), nullable=False),
        pa.field("is_right", pa.list_(pa.bool_()), nullable=False),
    ]
)
RIGHT_IMAGES = pa.schema(
    [
        pa.field("product_id", pa.int64(), nullable=False),
        pa.field("image_number", pa.int8(), nullable=False),
        pa.field("is_right", pa.list_(pa.bool_()), nullable=False),
    ]
)

JUDGED_PRODUCTS = pa.schema(
    [
        pa.field("product_id", pa.int64(), nullable=False),
        pa.field("group_id", pa.int64(), nullable=False),
        pa.field("category_id", pa.int64(), nullable=False),
        pa.field("is_new", pa.bool_(), nullable=False),
        pa.field("answer_challenger", pa.int64(), nullable=False),
        pa.field("answer_champion", pa.int64(), nullable=False),
    ]
)
SUSPECTS = pa.schema(
    [
        pa.field("product_id", pa.int64(), nullable=False),
        pa.field("group_id", pa.int64(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
        pa.field("category_id", pa.int64(), nullable=False),
        pa.field("suggested_category_id", pa.int64(), nullable=False),
        pa.field("probability_of_category", pa.float32(), nullable=False),
        pa.field("probability_of_suggestion", pa.float32(), nullable=False),
        pa.field("conflicted", pa.bool_(), nullable=False),
        pa.field("is_suspect", pa.bool_(), nullable=False),
        pa.field("listed", pa.string(), nullable=False),
        pa.field("score", pa.int8(), nullable=False),
    ]
)
DRIFT_PICTURES = pa.schema(
    [
        pa.field("side", pa.string(), nullable=False),
        pa.field("product_id", pa.int64(), nullable=False),
        pa.field("image_number", pa.int8(), nullable=False),
        pa.field("category_id", pa.int64(), nullable=False),
        pa.field("score", pa.float32(), nullable=False),
    ]
)
_PREDICTED_FIELDS = [
    pa.field("product_id", pa.int64(), nullable=False),
    pa.field("probability", pa.float32(), nullable=False),
    pa.field("top_category_ids", pa.list_(pa.int64()), nullable=False),
    pa.field("top_probabilities", pa.list_(pa.float32()), nullable=False),
    pa.field("num_images", pa.int8(), nullable=False),
    pa.field("num_damaged_images", pa.int8(), nullable=False),
    pa.field("copy_of_train", pa.bool_(), nullable=False),
    pa.field("known_split", pa.string()),
    pa.field("given_category_id", pa.int64()),
]
ANSWERED = pa.schema([*_PREDICTED_FIELDS, pa.field("byte_offset", pa.int64(), nullable=False)])
PREDICTED = pa.schema(
    [
        _PREDICTED_FIELDS[0],
        pa.field("category_id", pa.int64()),
        *_PREDICTED_FIELDS[1:4],
        pa.field("abstained", pa.bool_(), nullable=False),
        *_PREDICTED_FIELDS[4:],
        pa.field("group_id", pa.int64(), nullable=False),
    ]
)
REJECTED_PRODUCTS = pa.schema(
    [
        pa.field("product_id", pa.int64()),
        pa.field("byte_offset", pa.int64(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("detail", pa.string(), nullable=False),
    ]
)


VECTOR_SIDES = ("vector", "mirrored_vector")
"""The columns of `features.parquet` that hold what is seen of a picture, and of its mirror image."""

_HALF = pa.float16()


def features_schema(num_features: int, mirrored: bool, number: pa.DataType = _HALF) -> pa.Schema:
    """Return the schema of `features.parquet`: of each picture, and of its mirror image where it was computed too."""
    vector = pa.list_(number, num_features)
    return pa.schema(
        [
            pa.field("product_id", pa.int64(), nullable=False),
            pa.field("image_number", pa.int8(), nullable=False),
            *(pa.field(name, vector, nullable=False) for name in VECTOR_SIDES[: 1 + mirrored]),
        ]
    )


def prediction_schema(num_classes: int, by_image: bool) -> pa.Schema:
    """Return the schema of `predictions.parquet` (by product) or `image_predictions.parquet`.

    Up to 256 classes a row holds the probability of each class; above, the ten most probable classes. What needs the
    probabilities of all (squared_error, the confidences at the evaluation's temperature) is therefore a column too.
    """
    key = [pa.field("image_number", pa.int8(), nullable=False)] if by_image else []
    count = [] if by_image else [pa.field("num_images", pa.int8(), nullable=False)]
    width = min(num_classes, MAX_CLASSES_IN_FULL if num_classes <= MAX_CLASSES_IN_FULL else NUM_TOP_CLASSES)
    of_all = ["squared_error", "confidence", "confidence_in_label"]
    certainty = [] if by_image else [pa.field(name, pa.float32(), nullable=False) for name in of_all]
    top = [pa.field("top_classes", pa.list_(pa.int16(), width), nullable=False)] if width < num_classes else []
    return pa.schema(
        [
            pa.field("product_id", pa.int64(), nullable=False),
            *key,
            pa.field("split", pa.string(), nullable=False),
            pa.field("group_id", pa.int64(), nullable=False),
            pa.field("class_index", pa.int16(), nullable=False),
            pa.field("predicted", pa.int16(), nullable=False),
            *count,
            pa.field("conflicted", pa.bool_(), nullable=False),
            *top,
            pa.field("probabilities", pa.list_(pa.float32(), width), nullable=False),
            pa.field("probability_of_label", pa.float32(), nullable=False),
            *certainty,
        ]
    )
