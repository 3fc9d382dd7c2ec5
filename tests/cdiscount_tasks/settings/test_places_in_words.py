from cdiscount_tasks.settings.places import address_of, mirror_of, settings_in, way_back, with_address


def test_people_read_the_address_of_what_is_in_a_bucket(tmp_path):
    root = mirror_of(tmp_path, "s3://bucket/a")
    assert address_of(root / "registry" / "wine") == "s3://bucket/a/registry/wine"
    assert address_of(root) == "s3://bucket/a"
    assert address_of(tmp_path / "registry") == str(tmp_path / "registry")
    report = root / "wine" / "r" / "report.html"
    assert with_address(report) == f"{report} (in the bucket: s3://bucket/a/wine/r)"
    assert with_address(tmp_path / "report.html") == str(tmp_path / "report.html")
    assert way_back(root / "history.jsonl") == "bring back its older version in the bucket"
    assert way_back(tmp_path / "history.jsonl") == "restore the file from a backup"


def test_the_settings_that_name_a_bucket_are_found(monkeypatch):
    for name, url in (("DATA", "s3://one/data"), ("REPORTS", "s3://two"), ("CATALOGUE", "s3://one/train.bson")):
        monkeypatch.setenv(f"CDISCOUNT_{name}", url)
    assert settings_in("s3://one/data") == "CDISCOUNT_DATA and CDISCOUNT_CATALOGUE"
    assert settings_in("s3://two") == "CDISCOUNT_REPORTS"
    assert settings_in("s3://on") == "the setting that names it"
