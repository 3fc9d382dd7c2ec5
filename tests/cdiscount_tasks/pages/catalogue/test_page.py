from cdiscount_tasks.pages.catalogue.page import CategoryRow, levels_of, suggest_choices


def row(category_id, num_products, level1="A", level2="B"):
    return CategoryRow(category_id, level1, level2, f"NAME {category_id}", num_products, 2 * num_products, 0)


def test_levels_add_up_and_the_largest_comes_first():
    rows = [row(1, 10), row(2, 30, level2="C"), row(3, 5, level1="Z")]
    levels = levels_of(rows)
    assert [len(level) for level in levels] == [2, 3, 3]
    for level in levels:
        assert sum(one.num_products for one in level) == 45
    assert (levels[0][0].name.full, levels[0][0].num_products, levels[0][0].num_categories) == ("A", 40, 2)


def test_one_name_below_two_parents_is_two_categories():
    assert len(levels_of([row(1, 10, "A", "OTHER"), row(2, 10, "B", "OTHER")])[1]) == 2


def test_alike_categories_are_neighbours_in_size_of_one_level_2():
    rows = [row(i, n, level2="X") for i, n in enumerate([300, 500, 505, 510, 515, 520, 900])]
    rows += [row(100 + i, 1000 + 300 * i, level2="Y") for i in range(30)]
    alike = next(choice for choice in suggest_choices(rows) if choice.kind == "alike")
    assert [one.num_products for one in alike.rows] == [500, 505, 510, 515, 520] or alike.ratio > 500 / 520
    assert len({(one.level1, one.level2) for one in alike.rows}) == 1


def test_unlike_categories_have_five_kinds():
    rows = [row(i, 400 + 7 * i, level1=f"KIND {i % 6}") for i in range(40)]
    unlike = next(choice for choice in suggest_choices(rows) if choice.kind == "unlike")
    assert len({one.level1 for one in unlike.rows}) == len(unlike.rows) == 5
    assert unlike.ratio > 0.9


def test_nothing_is_suggested_where_there_is_too_little():
    assert suggest_choices([row(1, 10), row(2, 10)]) == []
    assert suggest_choices([]) == []
