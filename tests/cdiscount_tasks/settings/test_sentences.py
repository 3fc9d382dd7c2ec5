import pytest
from pydantic import BaseModel, Field

from cdiscount_tasks.settings.sentences import bounds_in_words, close_names, in_short


class Oven(BaseModel, extra="forbid"):
    degrees: int = Field(ge=50, le=250)
    share: float = Field(default=0.5, gt=0, lt=1)
    minutes: int | None = Field(default=None, ge=1)
    name: str = "oven"


@pytest.mark.parametrize(
    ("name", "words"),
    [("degrees", "50 to 250"), ("share", "above 0 and below 1"), ("minutes", "at least 1"), ("name", None)],
)
def test_a_fields_bounds_are_said_in_words(name, words):
    assert bounds_in_words(Oven, name) == words


def test_a_long_value_is_cut_to_what_a_sentence_can_hold():
    assert in_short("x" * 500) == "'" + "x" * 99 + "..."


def test_a_name_that_is_like_a_known_one_is_found_whatever_its_case():
    assert close_names("DEGREE", Oven.model_fields) == ["degrees"]
