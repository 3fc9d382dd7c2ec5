"""The ways to train that are ranked: knobs on top of a preset, each way alone and then together.

On a GPU the step's program is compiled once for all that differ in rates, epochs, crops, strength and kind of mixing,
balance of classes, or in the choice of the epoch alone. What makes another: the network, its image and batch size (a
second one for smaller images), which part is tuned, dropout, decay, smoothing, whether pictures are mixed, whether
weights are averaged, rates by depth.
"""

from typing import Any

_SHARPER = {"early_stopping_patience": 60}
"""Choices of the epoch are compared where none is cut off."""


_LOSS = {"chosen_epoch": "loss"}

_BATCH_32 = {"batch_size": 32, "fine_tune_learning_rate": 1e-3}
"""What `transfer` had while most of its ways were ranked."""

TRANSFER_BEFORE = {"image_size": 160, **_BATCH_32, **_LOSS}
"""What the preset `transfer` had before the ranking; its ways stand on it."""


def _on_batches_of_32(**more: Any) -> tuple[str, dict[str, Any]]:
    return "transfer", {**_BATCH_32, **more}


def _tuned(epochs: int, **more: Any) -> tuple[str, dict[str, Any]]:
    """Tune the whole network."""
    whole = {"fine_tune_share": 1.0, "fine_tune_epochs": epochs}
    return "transfer", {**TRANSFER_BEFORE, **_SHARPER, **whole, **more}


BASELINE_BEFORE = {"batch_size": 64, "learning_rate": 0.002, "chosen_epoch": "loss"}
"""What the preset `baseline` had before the ranking; its ways stand on it."""


def _learnt(**more: Any) -> tuple[str, dict[str, Any]]:
    return "baseline", {**BASELINE_BEFORE, **_SHARPER, **more}


_CROPS, _MIXUP, _CUTMIX = {"augmentation": "crops"}, {"mixing": "mixup"}, {"mixing": "cutmix"}
_AVERAGE = {"average_weights": 1.0, "chosen_epoch": "last"}
_STEADY = {**_CROPS, **_CUTMIX, **_AVERAGE}
_HALF = {"fine_tune_learning_rate": 5e-4}
_MOSTLY_SMALL = {"smaller_first": 0.75}
_UPPER = {"fine_tune_share": 0.57}
_GROWING, _BALANCED = {"smaller_first": 0.6}, {"class_balance": 1.0}

TRANSFER: dict[str, tuple[str, dict[str, Any]]] = {
    "whole_20_rate_3": _tuned(20, fine_tune_learning_rate=3e-4),
    "whole_20_rate_5": _tuned(20, fine_tune_learning_rate=5e-4),
    "whole_20_last": _tuned(20, chosen_epoch="last"),
    "whole_20_depth": _tuned(20, fine_tune_lowest_rate=0.1, chosen_epoch="last"),
    "whole_20_together": _tuned(20, **_STEADY),
    "whole_20_together_mixup": _tuned(20, **{**_STEADY, **_MIXUP}),
    "whole_20_crops_average": _tuned(20, **_CROPS, **_AVERAGE),
    "whole_20_together_rate_5": _tuned(20, **_STEADY, fine_tune_learning_rate=5e-4),
    "whole_20_average_rate_5": _tuned(20, **_AVERAGE, **_HALF),
    "whole_20_crops_average_rate_5": _tuned(20, **_CROPS, **_AVERAGE, **_HALF),
    "whole_20_together_rate_2": _tuned(20, **_STEADY, fine_tune_learning_rate=2e-4),
    "whole_20_together_mixup_rate_5": _tuned(20, **{**_STEADY, **_MIXUP}, **_HALF),
    "whole_20_together_rate_5_depth": _tuned(20, **_STEADY, **_HALF, fine_tune_lowest_rate=0.1),
    "whole_20_together_rate_5_views": _tuned(20, **_STEADY, **_HALF, views="crops"),
    "whole_20_together_rate_5_small_crops": _tuned(20, **_STEADY, **_HALF, crop_area=0.25),
    "whole_20_together_rate_5_mirrored": _tuned(20, **_STEADY, **_HALF, mirrored_features=True),
    "whole_20_together_rate_5_192": _tuned(20, **_STEADY, **_HALF, image_size=192),
    "whole_20_together_rate_5_224": _tuned(20, **_STEADY, **_HALF, image_size=224),
    "whole_10_together_rate_5": _tuned(10, **_STEADY, **_HALF),
    "whole_40_together_rate_5": _tuned(40, **_STEADY, **_HALF),
    "whole_12_growing_rate_7": _tuned(12, **_CROPS, **_AVERAGE, **_MOSTLY_SMALL, fine_tune_learning_rate=7e-4),
    "whole_12_growing_cutmix_rate_7": _tuned(12, **_STEADY, **_MOSTLY_SMALL, fine_tune_learning_rate=7e-4),
    "whole_20_growing_rate_7_224": _tuned(
        20, **_CROPS, **_AVERAGE, **_MOSTLY_SMALL, fine_tune_learning_rate=7e-4, image_size=224
    ),
    "whole_20_growing_cutmix_rate_7_224": _tuned(
        20, **_STEADY, **_MOSTLY_SMALL, fine_tune_learning_rate=7e-4, image_size=224
    ),
    "upper_8_160_last": _on_batches_of_32(image_size=160),
    "upper_8_192": _on_batches_of_32(**_LOSS),
    "upper_8_224": _on_batches_of_32(image_size=224, **_LOSS),
    "upper_8_224_last": _on_batches_of_32(image_size=224),
    "upper_8_288": _on_batches_of_32(image_size=288, **_LOSS),
    "transfer_batch_32": _on_batches_of_32(),
    "transfer_batch_32_accuracy": _on_batches_of_32(chosen_epoch="accuracy"),
    "transfer_batch_32_smoothed": _on_batches_of_32(chosen_epoch="smoothed_loss"),
    "transfer_batch_32_dropout_5": _on_batches_of_32(dropout=0.5),
    "transfer_batch_32_16_epochs": _on_batches_of_32(fine_tune_epochs=16),
    "transfer_batch_32_16_epochs_crops": _on_batches_of_32(fine_tune_epochs=16, **_CROPS),
    "transfer_batch_32_whole": _on_batches_of_32(fine_tune_share=1.0),
    "transfer_batch_32_whole_16_epochs_crops": _on_batches_of_32(fine_tune_share=1.0, fine_tune_epochs=16, **_CROPS),
    "transfer_batch_32_rate_20": _on_batches_of_32(fine_tune_learning_rate=2e-3),
    "transfer_rate_14": ("transfer", {"fine_tune_learning_rate": 1.4e-3}),
    "transfer_rate_10": ("transfer", {"fine_tune_learning_rate": 1e-3}),
    "transfer_rate_5": ("transfer", {"fine_tune_learning_rate": 5e-4}),
    "transfer_16_epochs": ("transfer", {"fine_tune_epochs": 16}),
    "transfer_batch_8_rate_10": ("transfer", {"batch_size": 8, "fine_tune_learning_rate": 1e-3}),
    "transfer_batch_8_rate_5": ("transfer", {"batch_size": 8, "fine_tune_learning_rate": 5e-4}),
    "transfer_balanced": ("transfer", _BALANCED),
    "upper_8_growing_224": _tuned(8, **_UPPER, **_MOSTLY_SMALL, image_size=224, chosen_epoch="last"),
    "whole_8_rate_7_224": _tuned(8, fine_tune_learning_rate=7e-4, image_size=224, early_stopping_patience=8),
    "whole_8_growing_rate_7_224": _tuned(
        8, **_CROPS, **_AVERAGE, **_MOSTLY_SMALL, fine_tune_learning_rate=7e-4, image_size=224
    ),
    "whole_12_growing_rate_7_224": _tuned(
        12, **_CROPS, **_AVERAGE, **_MOSTLY_SMALL, fine_tune_learning_rate=7e-4, image_size=224
    ),
    "whole_20_crops_average_rate_7_224": _tuned(20, **_CROPS, **_AVERAGE, fine_tune_learning_rate=7e-4, image_size=224),
    "upper_8_average": _tuned(8, **_UPPER, **_AVERAGE),
    "upper_8_crops_average": _tuned(8, **_UPPER, **_CROPS, **_AVERAGE),
    "upper_8_together": _tuned(8, **_UPPER, **_STEADY),
    "upper_20_together": _tuned(20, **_UPPER, **_STEADY),
}
"""What was ranked for `transfer` and `transfer_long`; `transfer_balanced` has to be on more folds and sets."""

BASELINE: dict[str, tuple[str, dict[str, Any]]] = {
    "baseline_last": _learnt(chosen_epoch="last"),
    "baseline_average": _learnt(**_AVERAGE),
    "baseline_growing": _learnt(**_GROWING, chosen_epoch="last"),
    "baseline_balanced": _learnt(**_BALANCED, chosen_epoch="last"),
    "baseline_half_balanced": _learnt(class_balance=0.5, chosen_epoch="last"),
    "baseline_together": _learnt(**_CUTMIX, **_AVERAGE),
    "baseline_together_60": _learnt(**_CUTMIX, **_AVERAGE, epochs=60),
    "baseline_batch_32_45": ("baseline", {"batch_size": 32, "learning_rate": 1.5e-3, "epochs": 45}),
    "baseline_50_growing": _learnt(**_CUTMIX, **_AVERAGE, **_MOSTLY_SMALL, epochs=50),
    "baseline_50_growing_batch_32": _learnt(
        **_CUTMIX, **_AVERAGE, **_MOSTLY_SMALL, epochs=50, batch_size=32, learning_rate=1.5e-3
    ),
    "baseline_batch_32": _learnt(batch_size=32, learning_rate=1.5e-3, chosen_epoch="last"),
}
"""What was ranked for `baseline`."""
