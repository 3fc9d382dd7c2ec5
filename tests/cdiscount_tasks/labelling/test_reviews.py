import pandas as pd

from cdiscount_tasks.labelling.reviews import found_wrong, read_fixes_of_lists

LISTED = pd.DataFrame({"product_id": [1, 2, 3, 4], "category_id": [10, 10, 20, 20]})


def fixes_in(folder, *rows):
    path = folder / "fixes.csv"
    path.write_text("\n".join(["product_id,category_id,reason", *rows, ""]))
    return read_fixes_of_lists(path)


def test_a_row_that_was_left_is_wrong_and_one_that_was_taken_out_is_right(tmp_path):
    fixes = fixes_in(tmp_path, "2,20,score 1 of 5; list 0123456789abcdef")
    assert found_wrong(LISTED, fixes).tolist() == [False, True, False, False]


def test_a_product_that_a_person_takes_out_of_learning_was_wrong(tmp_path):
    assert found_wrong(LISTED, fixes_in(tmp_path, "3,,list 0123456789abcdef")).tolist() == [False, False, True, False]


def test_a_confirmed_category_is_right(tmp_path):
    assert not found_wrong(LISTED, fixes_in(tmp_path, "1,10,list 0123456789abcdef")).any()


def test_fixes_that_name_no_list_are_left_aside(tmp_path):
    fixes = fixes_in(tmp_path, "1,20,I saw it", "2,20,list 0123456789abcdef and more", "3,10,list 0123")
    assert fixes.to_dict("records") == [{"product_id": "2", "category_id": "20", "list": "0123456789abcdef"}]


def test_of_a_list_of_which_only_the_row_that_names_it_is_left_every_row_was_right(tmp_path):
    fixes = fixes_in(tmp_path, ",,leave this row: it says that you have been through list 0123456789abcdef")
    assert fixes["list"].tolist() == ["0123456789abcdef"]
    assert not found_wrong(LISTED, fixes).any()
