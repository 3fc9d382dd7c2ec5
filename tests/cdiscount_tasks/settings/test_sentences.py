import pytest
from pydantic import BaseModel, Field, ValidationError

from cdiscount_tasks.settings.sentences import bounds_in_words, first_sentence, in_short


class Oven(BaseModel, extra="forbid"):
    degrees: int = Field(ge=50, le=250)
    share: float = Field(default=0.5, gt=0, lt=1)
    minutes: int | None = Field(default=None, ge=1)
    name: str = "oven"


def sentence(**values):
    with pytest.raises(ValidationError) as caught:
        Oven(**values)
    return first_sentence(caught.value, Oven)


@pytest.mark.parametrize(
    ("name", "words"),
    [("degrees", "50 to 250"), ("share", "above 0 and below 1"), ("minutes", "at least 1"), ("name", None)],
)
def test_a_fields_bounds_are_said_in_words(name, words):
    assert bounds_in_words(Oven, name) == words


def test_a_value_out_of_its_bounds_is_said_with_what_was_expected():
    assert sentence(degrees=7) == "degrees is 7, expected 50 to 250"


def test_an_unknown_setting_is_said_with_the_one_that_was_meant():
    assert "did you mean degrees?" in sentence(degrees=60, degree=60)


def test_the_first_of_several_faults_is_said_with_their_number():
    assert sentence(degrees=7, share=2).startswith("degrees is 7, expected 50 to 250")


def test_a_long_value_is_cut_to_what_a_sentence_can_hold():
    assert in_short("x" * 500) == "'" + "x" * 99 + "..."
