import csv

from cdiscount_tasks.pages.report.class_table import choose_classes, write_classes


def make_figure(value, n=50):
    return {"value": value, "low": value, "high": value, "n": n, "num_groups": n}


def make_class(index, support=50, f1=0.5, num_predicted=40):
    found = None if support == 0 else f1
    return {
        "class_index": index,
        "support": support,
        "num_predicted": num_predicted,
        "too_few_to_judge": support < 30,
        **{name: make_figure(found, support) for name in ("precision", "recall", "f1")},
    }


def titles_of(choice):
    return [title for title, _ in choice.tables]


def test_up_to_100_classes_stand_in_one_table():
    assert titles_of(choose_classes([make_class(index) for index in range(100)])) == ["all"]


def test_of_many_classes_the_worst_and_the_best_are_shown():
    choice = choose_classes([make_class(index, f1=index / 200) for index in range(200)])
    worst, best = dict(choice.tables)["worst"], dict(choice.tables)["best"]
    assert [one["class_index"] for one in worst] == list(range(25))
    assert [one["class_index"] for one in best] == list(range(199, 174, -1))


def test_classes_that_few_products_judge_are_neither_worst_nor_best():
    few = [make_class(index, support=1, f1=0.0) for index in range(100)]
    judged = [make_class(index, f1=index / 200) for index in range(100, 200)]
    choice = choose_classes(few + judged)
    assert all(one["class_index"] >= 100 for _, rows in choice.tables for one in rows)
    assert (choice.num_judged, choice.num_few, choice.few_right) == (100, 100, (0, 100))


def test_few_judged_classes_stand_once_in_one_table():
    classes = [make_class(index, support=50 if index < 40 else 2) for index in range(120)]
    (title, rows), = choose_classes(classes).tables  # fmt: skip
    assert title == "judged"
    assert len(rows) == 40


def test_where_no_class_can_be_judged_the_largest_are_shown():
    classes = [make_class(index, support=index % 30) for index in range(120)]
    (title, rows), = choose_classes(classes).tables  # fmt: skip
    assert title == "largest"
    assert [one["support"] for one in rows[:5]] == [29, 29, 29, 29, 28]


def test_classes_never_predicted_are_counted_and_the_largest_listed():
    classes = [make_class(index, support=index, num_predicted=0) for index in range(120)]
    choice = choose_classes(classes)
    assert choice.num_never_predicted == 119
    assert choice.num_absent == 1
    assert [one["support"] for one in choice.never_predicted] == list(range(119, 89, -1))


def test_the_csv_holds_every_class_and_no_formula(tmp_path):
    classes = [
        {"class_index": index, "category_id": 7 + index, "level1": "A", "level2": "B", "level3": "=1+1",
         "num_products": {"train": 9}} for index in range(3)
    ]  # fmt: skip
    figures = [make_class(index, support=index) for index in range(3)]
    write_classes(tmp_path / "classes.csv", {"classes": classes, "test": {"product": {"per_class": figures}}})
    rows = list(csv.DictReader((tmp_path / "classes.csv").open(encoding="utf-8")))
    assert [row["support"] for row in rows] == ["0", "1", "2"]
    assert [row["f1"] for row in rows] == ["", "0.5", "0.5"]
    assert {row["level3"] for row in rows} == {"'=1+1"}


def of_many(num_classes):
    """Return classes of which a larger index has more test products; each finds half of its own."""
    return [make_class(index, support=2 * index) for index in range(num_classes)]


def test_above_256_classes_those_with_most_mistakes_come_first():
    choice = choose_classes(of_many(300))
    (title, rows), *others = choice.tables
    assert title == "costliest"
    assert [one["class_index"] for one in rows] == list(range(299, 274, -1))
    assert choice.missed == {index: index for index in range(299, 274, -1)}
    assert choice.num_missed == sum(range(300))
    assert [other for other, _ in others] == ["worst", "best"]


def test_up_to_256_classes_none_is_chosen_by_its_mistakes():
    assert titles_of(choose_classes(of_many(256))) == ["worst", "best"]


def test_classes_without_a_mistake_are_not_among_those_with_most():
    classes = [make_class(index, f1=0.5 if index == 7 else 1.0) for index in range(300)]
    assert [one["class_index"] for one in choose_classes(classes).tables[0][1]] == [7]
    assert titles_of(choose_classes([make_class(index, f1=1.0) for index in range(300)])) == ["worst", "best"]
