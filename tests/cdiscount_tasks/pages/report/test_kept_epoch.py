import pytest

from cdiscount_tasks.pages.report.kept_epoch import kept_epoch


@pytest.mark.parametrize(
    ("training", "stopped", "which", "bias"),
    [
        ({}, None, "which has the lowest validation loss", "a little too high"),
        ({"chosen_epoch": "accuracy"}, None, "mean validation accuracy of three epochs", "a little too high"),
        ({"chosen_epoch": "last"}, None, "the last one, as its preset wants", "did not choose one"),
        ({"chosen_epoch": "last"}, {"after_epoch": 3}, "before it was stopped", "did not choose one"),
    ],
)
def test_why_an_epoch_was_kept_and_what_that_does_to_validation(training, stopped, which, bias):
    model = {"stopped": stopped} if stopped else {}
    found = kept_epoch({"model": model, "lineage": {"config": {"training": training}}})
    assert which in found.which and bias in found.bias
