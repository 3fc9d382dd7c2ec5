import pytest

from cdiscount_tasks.runs import summaries

INDEX = {
    "num_products": 4201,
    "num_images": 9812,
    "num_categories": 1,
    "num_without_category": 0,
    "num_rejected_documents": 12,
    "num_rejected_images": 0,
    "reused": False,
}
SAMPLE = {"num_categories": 5, "num_products": 542, "num_images": 947, "num_bytes": 4_710_000, "reused": False}
LABELS = {
    "num_classes": 5,
    "num_products": 542,
    "num_images": 947,
    "num_groups": 370,
    "num_rejected_images": 1,
    "num_train_products": 358,
    "num_validation_products": 90,
    "num_test_products": 94,
    "num_conflicting_images": 25,
    "reused": True,
}
AUDIT = {
    "num_products_judged": 542,
    "num_suspects": 1,
    "leak_by_product": -0.0042,
    "leak_by_image": None,
    "reused": False,
}
REPORT = {
    "product_accuracy": 0.659574,
    "product_accuracy_low": 0.523894,
    "product_accuracy_high": 0.774155,
    "num_test_products": 94,
    "majority_baseline": 0.553191,
}


@pytest.mark.parametrize(
    ("tell", "result", "line"),
    [
        (
            summaries.of_index,
            INDEX,
            "9,812 images of 4,201 products in 1 category; 12 documents and 0 images rejected",
        ),
        (
            summaries.of_index,
            INDEX | {"num_without_category": 1200, "reused": True},
            "9,812 images of 4,201 products in 1 category; 12 documents and 0 images rejected; 1,200 without a "
            "category (reused)",
        ),
        (
            summaries.of_sample,
            SAMPLE,
            "947 images of 542 products in 5 categories, 4.7 MB",
        ),
        (
            summaries.of_sample,
            SAMPLE | {"pictures": "in_catalogue", "reused": True},
            "947 images of 542 products in 5 categories, 4.7 MB left in the catalogue (reused)",
        ),
        (
            summaries.of_labels,
            LABELS,
            "947 images of 542 products in 5 classes and 370 groups: 358 train, 90 validation, 94 test; "
            "1 image rejected, 25 conflicting (reused)",
        ),
        (
            summaries.of_audit,
            AUDIT,
            "1 suspect among 542 products; "
            "a leaky split would change the accuracy by \N{MINUS SIGN}0.4 points (by product)",
        ),
        (
            summaries.of_report,
            REPORT,
            "product accuracy 66.0 %, 52.4 to 77.4, on 94 test products; always answering the largest class: 55.3 %",
        ),
        (summaries.of_ranges, [], "the catalogue is indexed already"),
        (summaries.of_ranges, [{"start": 0, "stop": 33142500}], "33.1 MB to scan in 1 range"),
    ],
)
def test_a_result_is_told_in_a_line(tell, result, line):
    assert tell(result) == line


def test_no_two_ranges_of_the_whole_catalogue_share_a_name():
    from cdiscount_tasks.catalogue.ranges import range_blocks
    from cdiscount_tasks.catalogue.window import BLOCK_BYTES

    size = 58_200_000_000
    step = range_blocks(size) * BLOCK_BYTES
    names = [summaries.byte_range(start, min(start + step, size)) for start in range(0, size, step)]

    assert names[0].startswith("0.0 to ")
    assert names[-1].endswith(" to 58,200.0 MB")
    assert len(set(names)) == len(names) > 100


def test_a_training_that_was_stopped_by_hand_says_so():
    model = {"validation_accuracy": 0.7, "validation_loss": 1.0, "best_epoch": 5, "num_epochs": 7, "reused": False}
    model |= {"network": "plain_cnn", "num_train_images": 9, "device": "a CPU"}
    told = summaries.of_model({**model, "stopped_after_epoch": 7, "num_epochs_planned": 30})
    assert "in kept epoch 5 of 7, stopped by hand after epoch 7 of 30; plain_cnn" in told
    assert "stopped" not in summaries.of_model(model)


def test_a_judgement_without_a_comparison_says_why():
    judged = {
        "verdict": "no_evidence",
        "promotes": False,
        "difference": None,
        "look": None,
        "reason": "Few.",
        "reused": False,
    }
    assert summaries.of_judgement(judged) == "no evidence: does not become the champion"
    unlike = {**judged, "verdict": "not_comparable", "reason": "The champion cannot be used: model.keras is gone."}
    assert summaries.of_judgement(unlike).endswith(
        "does not become the champion (The champion cannot be used: model.keras is gone.)"
    )
    better = {**judged, "verdict": "better", "promotes": True, "difference": 0.032, "look": 2, "reused": True}
    assert summaries.of_judgement(better) == "better, +3.2 points (look 2): is to become the champion (reused)"


def test_a_file_of_other_categories_alone_says_that_every_answer_is_wrong():
    page = {
        "accuracy": None, "expected_accuracy": None, "num_predicted": 81, "num_with_truth": 81, "num_answered": 9,
    }  # fmt: skip
    told = summaries.of_predictions_page({**page, "num_of_classes": 0})
    assert told == "none of its 81 products is of the model's classes: every answer is wrong"
    for other in ({"num_of_classes": 81}, {}):
        assert summaries.of_predictions_page({**page, **other}) == "nothing can be said about the accuracy"


SEEDS = {
    "num_seeds": 4,
    "num_diverged": 0,
    "num_stopped": 0,
    "lowest_accuracy": 0.806,
    "highest_accuracy": 0.8213,
    "reused": False,
}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, "4 trainings with other seeds: test accuracy 80.6 % to 82.1 %"),
        (
            {"num_seeds": 1, "lowest_accuracy": 0.659, "highest_accuracy": 0.659},
            "1 training with another seed: test accuracy 65.9 %",
        ),
        ({"num_diverged": 1}, "4 trainings with other seeds (1 diverged): test accuracy 80.6 % to 82.1 %"),
        (
            {"num_seeds": 1, "num_diverged": 1, "lowest_accuracy": None, "reused": True},
            "1 training with another seed (1 diverged): none was trained to its end (reused)",
        ),
    ],
)
def test_other_seeds_are_told_with_their_ends(changes, sentence):
    assert summaries.of_seeds({**SEEDS, **changes}) == sentence
