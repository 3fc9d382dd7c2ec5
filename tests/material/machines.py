"""Several machines that mirror one place in a bucket: a folder of the cache each, in one process."""

from cdiscount_tasks.artifacts.object_store import open_store
from cdiscount_tasks.artifacts.publish import Made
from cdiscount_tasks.artifacts.recipe import Recipe
from cdiscount_tasks.settings.places import mirror_of

RECIPE = Recipe("thing", 1, {"colour": "red"}, {}, {}, {})


def numbered(number):
    """Return the recipe of another artifact."""
    return Recipe("thing", 1, {"number": number}, {}, {}, {})


class Machines:
    """Mirrors of one place."""

    def __init__(self, folder, url, number):
        self.url, self.store = url, open_store(url)
        self.roots = [mirror_of(folder / f"machine{each}", url) for each in range(number)]
        for root in self.roots:
            root.mkdir(parents=True)

    def __getitem__(self, number):
        return self.roots[number]

    def thing(self, number):
        """Return where a machine has the artifact of RECIPE, or will have it."""
        return RECIPE.dir_in(self.roots[number])

    def names(self, prefix=""):
        """Return the names of all objects, sorted."""
        return sorted(found.name for found in self.store.list(prefix))


def writer(text, **files):
    """Return what writes an artifact of `data.txt` and other files."""

    def write(part_dir):
        (part_dir / "data.txt").write_text(text)
        for name, content in files.items():
            (part_dir / "sub").mkdir(exist_ok=True)
            (part_dir / "sub" / name).write_text(content)
        return Made({"num_rows": len(text)})

    return write


def never(part_dir):
    raise AssertionError("it is there already")
