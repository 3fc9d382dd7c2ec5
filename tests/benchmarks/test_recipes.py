import pandas as pd
import pytest

from benchmarks.belief import recipes
from benchmarks.material import folds


@pytest.mark.parametrize("few", [5, 20])
def test_of_few_pictures_few_are_for_validation(few):
    products = pd.DataFrame({"product_id": range(400), "category_id": [7, 8] * 200, "group_id": range(400)})
    split = pd.Series("train", products.index).where(products.index % 7 > 0, "validation")
    split[products.index % 5 == 1] = "test"
    kept = split[folds.keep_few(products, products, split, few)]
    assert kept.value_counts().to_dict() == {
        "train": 2 * few, "validation": 2 * max(1, few // 9), "test": (split == "test").sum()
    }  # fmt: skip


@pytest.mark.parametrize("recipe", recipes.RECIPES)
def test_a_recipe_is_a_valid_training(recipe):
    assert recipes.knobs_of(recipe, {}, 3)["seed"] == 3


def test_a_class_that_cannot_be_in_every_fold_is_refused():
    products = pd.DataFrame(
        {"product_id": range(12), "category_id": [7] * 9 + [8] * 3, "group_id": [*range(9), 9, 9, 9]}
    )
    with pytest.raises(ValueError, match=r"category 8 has only 1 of .* for each of the 3 folds; ask for more products"):
        folds.deal_folds(products, 3)


def test_a_mean_over_classes_weighs_classes_alike(capsys):
    answers = pd.DataFrame(
        {
            "recipe": ["first"] * 5 + ["second"] * 5,
            "set": "one",
            "product_id": [*range(5)] * 2,
            "image_number": -1,
            "group_id": [*range(5)] * 2,
            "category_id": [7, 7, 7, 7, 8] * 2,
            "right": [1, 1, 1, 0, 0, 1, 1, 0, 0, 1],
        }
    )
    costs = pd.DataFrame({"recipe": ["first", "second"], "cpu_s": [1.0, 2.0]})
    images = answers.assign(image_number=0)
    recipes.print_table(pd.concat([answers, images]), costs)
    first, second = (line.split(" | ") for line in capsys.readouterr().out.splitlines()[2:])
    assert [first[6], second[6]] == ["0.375", "0.750"]
    assert second[7].startswith("+0.375 [")
