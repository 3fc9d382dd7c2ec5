import pytest
from pydantic import ValidationError

from cdiscount_tasks.learning.measuring.promises import TARGET_PRECISIONS
from cdiscount_tasks.settings.predictions import TARGETS, PredictionsParams, WatchedFile


def test_what_can_be_promised_is_what_validation_is_asked_for():
    assert {target for target in TARGETS.values() if target is not None} == set(TARGET_PRECISIONS)


def test_a_person_need_only_name_the_sample():
    params = PredictionsParams(sample="wine")
    assert (params.catalogue, params.model, params.precision, params.allow_drawn) == ("", "champion", "95", False)


@pytest.mark.parametrize(("word", "meant"), [("yes", True), ("no", False), (True, True)])
def test_whether_drawn_pictures_are_allowed_may_be_a_word_of_the_form(word, meant):
    assert PredictionsParams(sample="wine", allow_drawn=word).allow_drawn is meant


@pytest.mark.parametrize("given", [{"catalogue": ""}, {"catalogue": "x", "precision": "90"}, {"file": "x"}, {}])
def test_a_watched_file_that_is_not_one_is_refused(given):
    with pytest.raises(ValidationError):
        WatchedFile(**given)


@pytest.mark.parametrize("written", [95, "95"])
def test_a_precision_of_a_yaml_may_be_a_number(written):
    assert WatchedFile(catalogue="x", precision=written).precision == "95"
