import numpy as np
import pytest

from cdiscount_tasks.learning.measuring.looks import ALPHA, GAINS, level_of_look
from cdiscount_tasks.learning.measuring.paired import group_test, mcnemar_p
from cdiscount_tasks.learning.measuring.promotion import (
    MARGIN,
    SCREEN_P,
    Judged,
    judge,
    judge_first,
    not_comparable,
    screen,
)
from tests.material.drawn_models import SKILL, draw_right, draw_split, judged


def drawn(gain, seed=0, num_products=2_000, anchor_gain=None):
    """Return products on which the challenger's true skill is so much above the champion's."""
    random = np.random.default_rng(seed)
    split = draw_split(random, num_products, 0.5)
    challenger, champion, anchor = draw_right(random, split, [SKILL + gain, SKILL, SKILL + (anchor_gain or 0.0)])
    return judged(split, challenger, champion, None if anchor_gain is None else anchor)


def plain(wins, losses, num=400, new=0):
    """Return products without groups, of which some are won, some lost; the last `new` joined since the last look."""
    champion = np.arange(num) % 2 == 0
    challenger = champion.copy()
    challenger[np.flatnonzero(~champion)[:wins]] = True
    challenger[np.flatnonzero(champion)[:losses]] = False
    return Judged(challenger, champion, np.arange(num), np.zeros(num, np.int64), np.arange(num) >= num - new)


def joined(first, second):
    """Return products of which the second lot joined since the last look."""
    apart = 10 + first.group_id.max() + second.group_id
    columns = [np.concatenate(pair) for pair in zip(first[:5], second._replace(group_id=apart)[:5], strict=True)]
    columns[4] = np.arange(len(columns[0])) >= len(first.group_id)
    return Judged(*columns)


BETTER, SAME, WORSE = drawn(0.1), drawn(0.0), drawn(-0.1)
EMPTY = Judged(*(column[:0] for column in SAME[:5]))


def test_a_better_challenger_is_better_and_a_worse_one_worse():
    assert judge(BETTER, drawn(0.1, 1), 1).verdict == "better"
    assert judge(BETTER, drawn(-0.1, 1), 1).verdict == "worse"
    assert judge(BETTER, plain(10, 10), 1).verdict == "no_evidence"


def test_only_better_promotes():
    assert [judge(BETTER, test, 1).promotes for test in (drawn(0.1, 1), plain(10, 10), WORSE)] == [True, False, False]


def test_the_screen_is_the_group_test_of_validation():
    found = screen(BETTER)
    difference = BETTER.right_challenger.astype(float) - BETTER.right_champion
    assert found.test == group_test(difference, BETTER.group_id)
    assert (found.p, found.passes) == (found.test.p_better, True)


@pytest.mark.parametrize(("wins", "losses"), [(30, 30), (31, 30), (40, 30), (44, 30), (60, 30)])
def test_the_screen_passes_below_its_p(wins, losses):
    found = screen(plain(wins, losses))
    assert found.passes == (found.p < SCREEN_P)


def test_what_validation_does_not_call_better_is_not_looked_at():
    found = judge(WORSE, None, None)
    assert (found.verdict, found.promotes, found.looked, found.look) == ("no_evidence", False, False, None)
    assert found.comparisons == ()
    assert "test products are not looked at, and no look is counted" in found.reasons[0]


def test_test_products_change_nothing_where_validation_does_not_pass():
    assert judge(WORSE, BETTER, 3) == judge(WORSE, None, None)


def test_a_screened_challenger_without_test_products_is_a_mistake():
    with pytest.raises(ValueError, match="give the test products and the number of the look"):
        judge(BETTER, None, 1)


def test_a_look_has_its_level():
    found = judge(BETTER, drawn(0.1, 1), 5)
    (only,) = found.comparisons
    assert (found.looked, found.look, only.of, only.look, only.level) == (True, 5, "all", 5, level_of_look(5))
    assert (only.low, only.high) == only.test.interval(only.level)
    assert found.reasons[1].startswith("Look 5 at these 2,000 test products in ")


def test_what_passes_at_the_first_look_may_not_at_a_later_one():
    test = plain(40, 18)
    assert judge(BETTER, test, 1).verdict == "better"
    assert judge(BETTER, test, 10).verdict == "no_evidence"


def test_worse_has_the_same_level_as_better():
    assert judge(BETTER, plain(18, 40), 1).verdict == "worse"
    assert judge(BETTER, plain(18, 40), 10).verdict == "no_evidence"


def test_a_comparison_says_what_it_could_have_seen():
    (only,) = judge(BETTER, plain(40, 18), 2).comparisons
    assert only.mcnemar_p == mcnemar_p([1] * 40 + [-1] * 18)
    assert only.smallest_gain > 0.01
    assert list(only.groups_needed) == list(GAINS)
    needed = list(only.groups_needed.values())
    assert needed == sorted(needed, reverse=True)


def test_new_products_are_judged_alone_at_half_the_level_of_a_first_look():
    found = judge(BETTER, joined(SAME, drawn(0.1, 2)), 6)
    everything, alone = found.comparisons
    assert (everything.of, everything.look, everything.level) == ("all", 6, level_of_look(6) / 2)
    assert (alone.of, alone.look, alone.level) == ("new", 1, level_of_look(1) / 2)
    assert (everything.test.num_products, alone.test.num_products) == (4_000, 2_000)


def test_new_products_may_decide_alone():
    test = joined(plain(30, 30, 4_000), plain(18, 3))
    assert judge(BETTER, test, 40).verdict == "better"
    assert judge(BETTER, test._replace(is_new=np.zeros(len(test.is_new), bool)), 40).verdict == "no_evidence"


def test_too_few_new_groups_cost_the_others_no_level():
    assert [len(judge(BETTER, plain(9, 9, new=new), 2).comparisons) for new in (6, 7)] == [1, 2]


def test_a_new_copy_of_a_product_that_was_looked_at_is_not_new():
    test = plain(20, 20, new=200)
    copies = test._replace(group_id=np.arange(400) % 200)
    assert [one.of for one in judge(BETTER, copies, 2).comparisons] == ["all"]


def test_products_that_are_all_new_have_their_first_look_and_the_history_its_tenth():
    found = judge(BETTER, plain(40, 18, new=400), 10)
    (only,) = found.comparisons
    assert (found.look, only.look, only.level, found.verdict) == (10, 1, level_of_look(1), "better")


def test_at_a_first_look_no_product_is_newer_than_the_others():
    (only,) = judge(BETTER, plain(40, 18, new=100), 1).comparisons
    assert (only.of, only.level) == ("all", level_of_look(1))


def test_contradicting_tests_keep_the_champion():
    for promote_when in ("better", "not_worse"):
        found = judge(BETTER, joined(drawn(0.2, 1, 8_000), drawn(-0.2, 2)), 2, promote_when)
        assert (found.verdict, found.promotes) == ("no_evidence", False)
        assert "contradict each other" in " ".join(found.reasons)


def test_not_worse_promotes_what_loses_less_than_the_margin():
    test = plain(2, 2, 4_000)
    assert not judge(BETTER, test, 1).promotes
    found = judge(BETTER, test, 1, "not_worse")
    assert (found.verdict, found.promotes, found.not_worse.holds) == ("no_evidence", True, True)
    assert found.not_worse.p_champion <= found.not_worse.level == level_of_look(1)
    assert found.not_worse.low_champion > -MARGIN


def test_not_worse_needs_enough_products():
    found = judge(BETTER, plain(2, 2, 100), 1, "not_worse")
    assert (found.promotes, found.not_worse.holds) == (False, False)
    assert "not shown to be less than 1 point worse" in found.reasons[-1]


def test_not_worse_than_the_champion_alone_is_not_enough():
    test = plain(2, 2, 4_000)
    anchor = test.right_champion.copy()
    anchor[np.flatnonzero(~anchor)[:60]] = True  # 1.5 points above the champion
    found = judge(BETTER, test._replace(right_anchor=anchor), 1, "not_worse")
    assert found.not_worse.p_champion <= found.not_worse.level < found.not_worse.p_anchor
    assert (found.not_worse.holds, found.promotes) == (False, False)


def test_a_worse_challenger_is_not_promoted_however_little_it_loses():
    found = judge(BETTER, plain(0, 30, 20_000), 1, "not_worse")
    assert (found.verdict, found.not_worse.holds, found.promotes) == ("worse", True, False)


def test_not_worse_has_a_screen_of_its_own():
    validation = plain(2, 2, 4_000)
    assert not screen(validation).passes
    assert screen(validation, "not_worse").passes
    anchor = np.ones(4_000, bool)
    assert not screen(validation._replace(right_anchor=anchor), "not_worse").passes


def test_classes_are_compared_on_the_test_products():
    test = drawn(0.1, 1)._replace(class_id=np.arange(2_000) % 3)
    assert [change.class_id for change in judge(BETTER, test, 1).class_changes] == [0, 1, 2]


@pytest.mark.parametrize(
    ("validation", "test", "said"), [(EMPTY, SAME, "no validation product"), (BETTER, EMPTY, "no test product")]
)
def test_models_without_a_common_product_are_not_comparable(validation, test, said):
    found = judge(validation, test, 1)
    assert (found.verdict, found.promotes, found.looked) == ("not_comparable", False, False)
    assert said in found.reasons[0]


def test_every_reason_not_to_compare_is_kept():
    found = not_comparable(["Of another catalogue.", "One is of drawn pictures."])
    assert (found.verdict, found.reasons) == ("not_comparable", ("Of another catalogue.", "One is of drawn pictures."))
    with pytest.raises(ValueError, match="give the reasons"):
        not_comparable([])


@pytest.mark.parametrize("column", ["class_id", "is_new", "group_id", "right_champion"])
def test_columns_of_different_lengths_are_refused(column):
    uneven = SAME._replace(**{column: getattr(SAME, column)[:-1]})
    with pytest.raises(ValueError, match="different lengths"):
        screen(uneven)
    with pytest.raises(ValueError, match="different lengths"):
        judge(BETTER, uneven, 1)


def test_an_answer_that_is_not_a_number_is_refused():
    unknown = SAME.right_challenger.astype(float)
    unknown[3] = np.nan
    with pytest.raises(ValueError, match="product 3 is nan"):
        screen(SAME._replace(right_challenger=unknown))


@pytest.mark.parametrize("look", [1, 4])
def test_the_order_of_products_changes_no_judgement(look):
    test, order = joined(SAME, drawn(0.1, 2)), np.random.default_rng(0).permutation(4_000)
    mixed = Judged(*(None if column is None else column[order] for column in test))
    assert judge(BETTER, mixed, look).reasons == judge(BETTER, test, look).reasons


def test_a_first_model_must_beat_the_commonest_category_with_its_whole_interval():
    right, majority = SAME.right_challenger, np.arange(2_000) % 5 == 0
    found = judge_first(right, SAME.group_id, majority)
    assert (found.verdict, found.promotes, found.looked, found.look) == ("first", True, True, None)
    assert found.baseline["low"] > 0
    assert "the whole interval is above 0" in found.reasons[0]


def test_a_first_model_that_may_be_no_better_is_not_promoted():
    random = np.random.default_rng(0)
    found = judge_first(random.random(2_000) < 0.52, SAME.group_id, random.random(2_000) < 0.5)
    assert (found.verdict, found.promotes) == ("no_evidence", False)
    assert found.baseline["low"] < 0 < found.baseline["high"]


@pytest.mark.parametrize("right", [[True, True, True], [False, False, False]])
def test_a_first_model_without_an_interval_is_not_promoted(right):
    found = judge_first(np.array(right), np.arange(3), np.zeros(3, bool))
    assert (found.verdict, found.promotes) == ("no_evidence", False)
    assert "without an interval" in found.reasons[0]


def test_a_first_model_without_test_products_is_not_comparable():
    nothing = np.zeros(0, bool)
    assert judge_first(nothing, np.zeros(0, np.int64), nothing).verdict == "not_comparable"


@pytest.mark.slow
def test_a_year_of_equal_challengers_promotes_wrongly_at_most_as_often_as_alpha():
    num_years, wrong = 60, 0
    for seed in range(num_years):
        random = np.random.default_rng(seed)
        splits = [draw_split(random, 600, 0.9) for _ in range(2)]
        champions = [draw_right(random, split, [SKILL])[0] for split in splits]
        num_looks = 0
        for rows in zip(*(draw_right(random, split, np.full(52, SKILL)) for split in splits), strict=True):
            found = judge(*(judged(*one) for one in zip(splits, rows, champions, strict=True)), num_looks + 1)
            num_looks += found.looked
            wrong += found.promotes
    assert wrong / num_years <= ALPHA + 3 * (ALPHA / num_years) ** 0.5
