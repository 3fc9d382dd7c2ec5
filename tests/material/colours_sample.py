"""The sample `colours` of the tiny catalogue, as a person sets it up: YAML, names, folders."""

import yaml

from tests.material.tiny_catalogue import BLUE, GREEN, RED, YELLOW

SETTINGS = {
    "name": "colours",
    "title": "Colours",
    "categories": [RED, GREEN],
    "default_preset": "smoke",
    "presets": {"smoke": {"image_size": 32, "epochs": 2}, "long": {"epochs": 50}},
}
NAMES = f"""category_id,category_level1,category_level2,category_level3
{RED},ALL,WARM,"RED "
{YELLOW},ALL,WARM,YELLOW
{GREEN},ALL,COLD,GREEN
{BLUE},ALL,COLD,BLUE
"""


class Place:
    """A data folder, a samples folder and a catalogue, with the environment set to them."""

    def __init__(self, folder, catalogue_path):
        self.folder, self.catalogue_path = folder, catalogue_path
        self.data_dir, self.samples_dir, self.fixes_dir = folder / "data", folder / "samples", folder / "fixes"
        self.samples_dir.mkdir()
        self.fixes_dir.mkdir()
        (folder / "names.csv").write_text(NAMES)
        self.write()

    def write(self, **changes):
        (self.samples_dir / "colours.yaml").write_text(yaml.safe_dump({**SETTINGS, **changes}))

    def use(self, patch):
        """Point the machine's settings at this place."""
        for name, path in (
            ("CATALOGUE", self.catalogue_path), ("CATEGORY_NAMES", self.folder / "names.csv"),
            ("DATA", self.data_dir), ("SAMPLES", self.samples_dir), ("REPORTS", self.folder / "reports"),
            ("LABEL_FIXES", self.fixes_dir),
        ):  # fmt: skip
            patch.setenv(f"CDISCOUNT_{name}", str(path))
        patch.delenv("CDISCOUNT_MAX_REJECTED_SHARE", raising=False)
        return self
