from pathlib import Path

from cdiscount_tasks.runs.clean_up import RUN, Cleaned, Item, Plan
from cdiscount_tasks.runs.clean_up_words import lines_of, lines_of_plan, summary_of, summary_of_plan
from tests.material.registry_models import environment_in


def item(kind, num_bytes, kept_for=""):
    return Item(Path("/data") / kind, kind, num_bytes, kept_for)


def plan_of(*items, keep_runs=None, left_alone=()):
    return Plan(environment_in(Path("/root_of_data")), keep_runs, items, left_alone)


def test_a_plan_has_sizes_by_kind_the_largest_first_and_reasons_for_what_stays():
    items = [item("labels", 10**6), item("labels", 10**6), item("model", 5 * 10**7), item("sample", 10**9, "a run")]
    lines = lines_of_plan(plan_of(*items))
    assert lines[0] == "/root_of_data/data: nothing needs 3 folders of 52.0 MB; 1 folder of 1,000.0 MB stays"
    assert lines[lines.index("To be removed:") + 1].split() == ["1", "50.0", "MB", "models"]
    assert lines[lines.index("To be removed:") + 2].split() == ["2", "2.0", "MB", "labels"]
    assert lines[lines.index("Stays, since it is needed by:") + 1].split() == ["1", "1,000.0", "MB", "a", "run"]


def test_the_rule_is_said():
    assert "all runs that have a report" in lines_of_plan(plan_of())[1]
    assert "the newest 5 of each sample" in lines_of_plan(plan_of(keep_runs=5))[1]


def test_of_many_sentences_the_first_are_said_and_the_rest_are_counted():
    lines = lines_of_plan(plan_of(left_alone=tuple(f"/data/{number}: is a link" for number in range(25))))
    assert lines[-1].strip() == "and 5 more"
    assert len(lines) == 2 + 1 + 20 + 1


def test_what_was_removed_and_what_was_left_is_said():
    cleaned = Cleaned((item(RUN, 2_000_000),), ("/data/x: it is in use",))
    assert summary_of(cleaned) == "removed 1 folder of 2.0 MB; 1 had to be left"
    assert lines_of(cleaned)[-2:] == ["Left:", "    /data/x: it is in use"]
    assert "run folders" in lines_of(cleaned)[1]


def test_an_empty_plan_is_a_line():
    assert summary_of_plan(plan_of()) == "there is nothing to remove; 0 folders of 0.0 MB stay"


def test_a_clean_up_that_removed_nothing_says_so():
    assert summary_of(Cleaned((), ())) == "removed nothing"
