import json
import re
from urllib.parse import urlencode

import pytest

from cdiscount_tasks.labelling.reviews import read_judgements
from cdiscount_tasks.labelling.rules import read_fixes
from cdiscount_tasks.tables.csv_text import read_csv
from cdiscount_tasks.vocabulary import LISTED_REASON
from tests.material.html_page import Page
from tests.plugins.cdiscount_airflow.reports.conftest import PREFIX, write_page

KEY = "0123456789abcdef"
PIXEL = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw=="
NAMES = {5: "RED", 6: "WHITE", 7: "PINK"}
ADDRESS = f"{PREFIX}/judge/wine/a/"


def card(product_id, key=KEY):
    names = {"given": "RED", "given_id": 5, "suggested": "WHITE", "suggested_id": 6}
    reason = LISTED_REASON.format(**names, score=1 + product_id % 5, key=key)
    row = {"product_id": product_id, "category_id": 5, "suggested_category_id": 6, "reason": reason}
    return {**row, "pictures": [PIXEL], "num_left_out": 0}


def write_list(reports_dir, folder="a", product_ids=range(1, 31), key=KEY, names=NAMES, **more):
    cards = {"schema_version": 1, "list": key, "no_pictures": None, "rows": [card(i, key) for i in product_ids]}
    cards["classes"] = [{"category_id": number, "name": name} for number, name in names.items()]
    files = {"suspects_dot_json": json.dumps({**cards, **more}), "metrics_dot_json": "{}"}
    write_page(reports_dir / "wine" / folder, "report", "report.html", {}, **files)


@pytest.fixture
def fixes_path(reports_dir, tmp_path, monkeypatch):
    """Return where the sample's fixes will be; its report `a` has a list of 30 products."""
    write_list(reports_dir)
    (tmp_path / "label_fixes").mkdir()
    monkeypatch.setenv("CDISCOUNT_LABEL_FIXES", str(tmp_path / "label_fixes"))
    return tmp_path / "label_fixes" / "wine.csv"


def fields_of(page):
    """Return what a browser would send of a page: hidden fields, checked buttons, selected options."""
    parsed = Page(page)
    fields = {one["name"]: one["value"] for one in parsed.all("input") if one.get("type") == "hidden"}
    fields |= {
        one["name"]: one["value"] for one in parsed.all("input") if one.get("type") == "radio" and "checked" in one
    }
    for name, options in re.findall(r'<select name="(category-\d+)".*?>(.*?)</select>', page, re.DOTALL):
        selected = re.search(r'value="(\w+)" selected', options)
        fields[name] = selected[1] if selected else ""
    return fields


def post(session, fields, page=1, **headers):
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    return session.post(f"{ADDRESS}?page={page}", content=urlencode(fields), headers={**kind, **headers})


def judge(session, page=1, headers=None, **changes):
    """Open a page, change fields, and send it."""
    fields = fields_of(session.get(f"{ADDRESS}?page={page}").text)
    return post(
        session, fields | {name.replace("_", "-"): value for name, value in changes.items()}, page, **headers or {}
    )


def verdicts(path):
    table = read_csv(path, ["product_id"], "fixes")
    rows = [table.named(row) for row in table.rows]
    return {int(row["product_id"]): (row["verdict"], row["category_id"]) for row in rows}


def test_a_page_has_25_cards_with_their_pictures_and_nothing_chosen(client, fixes_path):
    page = client("admin").get(ADDRESS)
    fields = fields_of(page.text)
    assert page.status_code == 200
    assert len(Page(page.text).all("img")) == 25
    assert {name for name in fields if name.startswith("verdict-")} == {f"verdict-{i}" for i in range(1, 26)}
    assert {value for name, value in fields.items() if name.startswith(("verdict-", "was-"))} == {""}
    assert "0 of 30 looked at" in page.text
    assert len(Page(client("admin").get(f"{ADDRESS}?page=2").text).all("img")) == 5


def test_a_refused_save_links_the_cards_that_are_in_the_way(client, fixes_path):
    session = client("admin")
    page = judge(session, page=2, verdict_27="other", verdict_28="other").text
    banner = re.search(r'role="alert">(.*?)</p>', page)[1]
    assert banner.endswith('press Save again: <a href="#card-27">card 27</a>, <a href="#card-28">card 28</a>.')
    assert page.count('id="card-27"') == 1


def test_judging_is_offered_only_where_a_list_stands(client, fixes_path, reports_dir):
    assert "judge/wine/" in client("admin").get(f"{PREFIX}/").text
    assert "judge/mixed_bag/" not in client("admin").get(f"{PREFIX}/").text


def test_nothing_on_a_page_differs_between_rows_but_ids_and_places(client, fixes_path):
    text = client("admin").get(ADDRESS).text
    cards = re.findall(r"<figure>.*?</figure>", text, re.DOTALL)
    assert len({re.sub(r"\b\d+\b", "N", one) for one in cards}) == 1
    assert "score" not in text


def test_verdicts_are_saved_as_a_fixes_file_that_the_next_run_reads(client, fixes_path):
    answer = judge(
        client("user"),
        verdict_1="catalogue", verdict_2="suggested", verdict_3="other", category_3="7", verdict_4="unsure",
        verdict_5="other", category_5="none", go="next",
    )  # fmt: skip
    assert (answer.status_code, answer.headers["location"]) == (303, "?page=2&saved=5")
    said = {1: ("catalogue", "5"), 2: ("suggested", "6"), 3: ("other", "7"), 4: ("unsure", ""), 5: ("other", "")}
    assert verdicts(fixes_path) == said
    fixes = read_fixes(fixes_path, {5, 6, 7})
    assert dict(zip(fixes["product_id"], fixes["category_id"].fillna(0), strict=True)) == {2: 6, 3: 7, 4: 0, 5: 0}


def test_what_was_saved_is_shown_and_a_page_sent_again_changes_nothing(client, fixes_path):
    session = client("admin")
    judge(session, verdict_1="catalogue", verdict_3="other", category_3="7")
    saved = fixes_path.read_bytes()
    page = session.get(f"{ADDRESS}?page=1&saved=2")
    assert "2 of 30 looked at" in page.text and "Saved: 2 verdicts" in page.text
    assert [fields_of(page.text)[name] for name in ("verdict-1", "verdict-3", "category-3")] == [
        "catalogue",
        "other",
        "7",
    ]
    assert judge(session).headers["location"] == "?page=1&saved=0"
    assert fixes_path.read_bytes() == saved


def test_a_verdict_can_be_changed_and_taken_back(client, fixes_path):
    session = client("admin")
    judge(session, verdict_1="suggested", verdict_2="suggested")
    judge(session, verdict_1="", verdict_2="unsure")
    assert verdicts(fixes_path) == {1: ("", "6"), 2: ("unsure", "")}
    assert read_fixes(fixes_path, {5, 6, 7})["product_id"].tolist() == [2]
    assert "1 of 30 looked at" in session.get(ADDRESS).text


@pytest.mark.parametrize("method", ["get", "post"])
def test_who_may_only_read_may_not_judge(client, fixes_path, method):
    for role, status in ((None, 401), ("viewer", 403)):
        for address in (ADDRESS, f"{PREFIX}/judge/wine/"):
            answer = client(role).request(method, address)
            assert answer.status_code in ((status, 405) if address.endswith("wine/") else (status,))
            assert "verdict-1" not in answer.text and "RED" not in answer.text
    assert not fixes_path.exists()


def test_a_form_with_a_token_of_somebody_who_may_edit_is_refused_to_a_viewer(client, fixes_path):
    fields = fields_of(client("admin").get(ADDRESS).text) | {"verdict-1": "catalogue"}
    assert post(client("viewer"), fields).status_code == 403
    assert post(client(None), fields).status_code == 401
    assert not fixes_path.exists()


def test_a_form_of_another_site_page_or_session_saves_nothing(client, fixes_path, token_of):
    session = client("admin")
    fields = fields_of(session.get(ADDRESS).text) | {"verdict-1": "catalogue"}
    assert post(session, fields, **{"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert post(session, fields, **{"Sec-Fetch-Site": "same-site"}).status_code == 403
    assert post(session, fields | {"token": "0" * 64}).status_code == 403
    assert post(session, {name: value for name, value in fields.items() if name != "token"}).status_code == 403
    assert post(session, fields, page=2).status_code == 403
    assert post(client("user"), fields).status_code == 403
    assert not fixes_path.exists()


def test_after_a_new_session_the_choices_are_still_there_to_be_saved(client, fixes_path):
    old, new = client("admin"), client("user")
    fields = fields_of(old.get(ADDRESS).text) | {"verdict-1": "catalogue", "verdict-3": "other", "category-3": "7"}
    again = post(new, fields)
    assert "Press Save again" in again.text
    assert post(new, fields_of(again.text)).status_code == 303
    assert verdicts(fixes_path) == {1: ("catalogue", "5"), 3: ("other", "7")}


def test_only_the_pages_with_the_form_may_send_one_and_none_may_run_a_script(client, fixes_path):
    session = client("admin")
    policy = session.get(ADDRESS).headers["content-security-policy"]
    assert policy.startswith("sandbox allow-forms allow-same-origin allow-downloads; default-src 'none';")
    assert "form-action 'self'" in policy and "script" not in policy
    for address in (f"{PREFIX}/", f"{PREFIX}/judge/wine/", f"{PREFIX}/judge/wine/none/", f"{ADDRESS}?page=9"):
        policy = session.get(address).headers["content-security-policy"]
        assert "form-action 'none'" in policy and "allow-forms" not in policy


def test_two_people_on_different_rows_both_keep_theirs(client, fixes_path):
    ada, bob = client("admin"), client("user")
    of_ada, of_bob = fields_of(ada.get(ADDRESS).text), fields_of(bob.get(ADDRESS).text)
    assert post(ada, of_ada | {"verdict-1": "catalogue"}).status_code == 303
    second = post(bob, of_bob | {"verdict-2": "suggested"})
    assert second.headers["location"] == "?page=1&saved=1&others=1"
    assert verdicts(fixes_path) == {1: ("catalogue", "5"), 2: ("suggested", "6")}
    assert "their rows are kept" in bob.get(f"{ADDRESS}{second.headers['location']}").text


def test_two_people_on_one_row_are_told_and_nothing_is_lost(client, fixes_path):
    ada, bob = client("admin"), client("user")
    of_ada, of_bob = fields_of(ada.get(ADDRESS).text), fields_of(bob.get(ADDRESS).text)
    post(ada, of_ada | {"verdict-1": "catalogue"})
    refused = post(bob, of_bob | {"verdict-1": "suggested", "verdict-2": "unsure"})
    assert refused.status_code == 409
    assert "Meanwhile somebody saved: the catalogue is right" in refused.text
    assert verdicts(fixes_path) == {1: ("catalogue", "5")}
    assert post(bob, fields_of(refused.text)).status_code == 303
    assert verdicts(fixes_path) == {1: ("suggested", "6"), 2: ("unsure", "")}


def test_a_file_that_a_person_keeps_is_kept_in_its_own_way(client, fixes_path):
    before = '\ufeffproduct_id;category_id;reason;seen by\r\n900;6;"mine; I saw it";Zoé\r\n2;;own;\r\n'
    fixes_path.write_bytes(before.encode())
    session = client("admin")
    assert fields_of(session.get(ADDRESS).text)["verdict-2"] == "other"
    judge(session, verdict_1="suggested")
    lines = fixes_path.read_bytes().decode().split("\r\n")
    assert lines[:3] == [
        "\ufeffproduct_id;category_id;reason;seen by;verdict",
        '900;6;"mine; I saw it";Zoé;other',
        "2;;own;;other",
    ]
    assert lines[3].startswith("1;6;") and lines[3].endswith(";;suggested")
    fixes = read_fixes(fixes_path, {5, 6, 7})
    assert dict(zip(fixes["product_id"], fixes["category_id"].fillna(0), strict=True)) == {900: 6, 2: 0, 1: 6}


def test_rows_of_the_list_in_the_file_are_filled_in_where_they_are(client, fixes_path):
    rows = [f'{i},,6,"{card(i)["reason"]}"' for i in (2, 1)]
    fixes_path.write_text("\n".join(["product_id,verdict,category_id,reason", *rows, ""]))
    judge(client("admin"), verdict_1="catalogue")
    assert list(verdicts(fixes_path).items()) == [(2, ("", "6")), (1, ("catalogue", "5"))]


def test_a_newer_list_keeps_what_was_judged_in_an_older_one(client, fixes_path, reports_dir):
    session = client("admin")
    judge(session, verdict_1="suggested", verdict_2="catalogue")
    write_list(reports_dir, "b", range(2, 40), key="f" * 16)
    newer = session.get(f"{PREFIX}/judge/wine/b/").text
    assert "1 of 38 looked at" in newer
    fields = fields_of(newer) | {"verdict-3": "unsure"}
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    session.post(f"{PREFIX}/judge/wine/b/", content=urlencode(fields), headers=kind)
    assert verdicts(fixes_path) == {1: ("suggested", "6"), 2: ("catalogue", "5"), 3: ("unsure", "")}
    lists = session.get(f"{PREFIX}/judge/wine/").text
    assert "2 of 38" in lists and "3 of 30" in lists


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"verdict-1": "other"}, 422, "say which one"),
        ({"category-1": "7"}, 422, "You named a category"),
        ({"verdict-1": "other", "category-1": "999"}, 422, "999 is no category of this sample"),
        ({"verdict-99": "catalogue"}, 400, "Product 99 is not in this list"),
        ({"was-1": "catalogue:x"}, 400, "changed on its way"),
        ({"verdict-1": "wrong"}, 400, "is not a field of this form"),
        ({"surprise-1": ""}, 400, "is not a field of this form"),
        ({"verdict-1": "other", "category-1": "x" * 70_000}, 413, "more than 65,536 bytes"),
    ],
)
def test_what_cannot_be_saved_is_told_and_nothing_is_written(client, fixes_path, changes, status, words):
    session = client("admin")
    answer = post(session, fields_of(session.get(ADDRESS).text) | changes)
    assert answer.status_code == status
    assert words in answer.text
    assert not fixes_path.exists()


def test_the_choice_that_cannot_be_saved_yet_stays_on_the_page(client, fixes_path):
    session = client("admin")
    answer = judge(session, verdict_1="other", verdict_2="catalogue")
    fields = fields_of(answer.text)
    assert (fields["verdict-1"], fields["category-1"], fields["verdict-2"]) == ("other", "", "catalogue")
    assert post(session, fields | {"category-1": "none"}).status_code == 303
    assert verdicts(fixes_path) == {1: ("other", ""), 2: ("catalogue", "5")}


def test_another_category_that_is_one_of_the_two_is_what_it_is(client, fixes_path):
    judge(client("admin"), verdict_1="other", category_1="6", verdict_2="other", category_2="5")
    assert verdicts(fixes_path) == {1: ("suggested", "6"), 2: ("catalogue", "5")}


@pytest.mark.parametrize("body", [b"\xff=1", b"verdict-1", b"verdict-1=&verdict-1=unsure", b"&".join([b"a=1"] * 300)])
def test_a_body_that_is_no_form_is_refused(client, fixes_path, body):
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    assert client("admin").post(ADDRESS, content=body, headers=kind).status_code == 400
    assert client("admin").post(ADDRESS, content=body, headers={"Content-Type": "text/plain"}).status_code == 415


def test_a_fixes_file_that_the_next_run_would_refuse_is_not_written_into(client, fixes_path):
    session = client("admin")
    fields = fields_of(session.get(ADDRESS).text) | {"verdict-1": "catalogue"}
    fixes_path.write_text("product_id,category_id,reason\nx,5,a\n")
    answer = post(session, fields)
    assert answer.status_code == 409 and "line 2 is &#39;x&#39;" in answer.text
    assert fields_of(answer.text)["verdict-1"] == "catalogue"
    page = session.get(ADDRESS)
    assert page.status_code == 409 and "line 2 is" in page.text
    assert fixes_path.read_text() == "product_id,category_id,reason\nx,5,a\n"


def test_a_folder_that_cannot_be_written_is_a_sentence(client, fixes_path):
    session = client("admin")
    fields = fields_of(session.get(ADDRESS).text) | {"verdict-1": "catalogue"}
    fixes_path.parent.rmdir()
    fixes_path.parent.write_text("a file")
    answer = post(session, fields)
    assert answer.status_code == 409 and "nothing was saved" in answer.text.lower()


def test_more_categories_than_a_card_can_list_are_typed(client, fixes_path, reports_dir):
    names = {number: f"NAME {number}" for number in range(5, 205)} | {300: "NAME 7"}
    write_list(reports_dir, names=names)
    session = client("admin")
    page = session.get(ADDRESS).text
    assert page.count("<option") == len(names) and page.count("<datalist") == 1
    typed = {"category_1": "name 8", "category_2": "NAME 7 (300)"}
    assert judge(session, verdict_1="other", verdict_2="other", **typed).status_code == 303
    assert verdicts(fixes_path) == {1: ("other", "8"), 2: ("other", "300")}
    ambiguous = judge(session, verdict_3="other", category_3="NAME 7")
    assert "the name of several categories" in ambiguous.text


def test_names_from_outside_are_text(client, fixes_path, reports_dir):
    write_list(reports_dir, names={**NAMES, 7: "<script>alert(1)</script>"})
    assert "<script>" not in client("admin").get(ADDRESS).text


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("wine/none/", 404),
        ("wine/a/?page=3", 404),
        ("wine/a/?page=x", 404),
        ("sample_comparison/", 404),
        ("catalogue/x/", 404),
    ],
)
def test_what_does_not_exist_is_told(client, fixes_path, address, status):
    assert client("admin").get(f"{PREFIX}/judge/{address}").status_code == status


def test_a_list_of_another_version_or_damaged_is_a_sentence(client, fixes_path, reports_dir):
    write_list(reports_dir, "later", schema_version=2)
    write_list(reports_dir, "damaged", rows=[{}])
    for folder in ("later", "damaged"):
        answer = client("admin").get(f"{PREFIX}/judge/wine/{folder}/")
        assert answer.status_code == 409 and "trigger a new run" in answer.text


def test_the_way_there_is_shown_to_those_who_may_edit(client, fixes_path):
    link = 'href="../../judge/wine/"'
    address = f"{PREFIX}/dags/cdiscount_wine/"
    assert link in client("user").get(address).text
    assert link not in client("viewer").get(address).text


def test_rows_of_an_older_list_are_applied_as_before_and_were_not_judged(client, fixes_path):
    old = f"the catalogue says A; suggested: B; score 3 of 5; list {'b' * 16}"
    first = f",,leave this row: it says that you have been through list {'b' * 16}"
    fixes_path.write_text(f"product_id,category_id,reason\n{first}\n3,6,{old}\n4,7,{old}\n")
    session = client("admin")
    assert fields_of(session.get(ADDRESS).text)["verdict-3"] == ""
    assert judge(session, verdict_1="catalogue", verdict_4="unsure").status_code == 303
    fixes = read_fixes(fixes_path, {5, 6, 7})
    assert dict(zip(fixes["product_id"], fixes["category_id"].fillna(0), strict=True)) == {3: 6, 4: 0}
    judgements = read_judgements(fixes_path)
    assert set(judgements.verdicts) == {1, 4}
    assert dict(judgements.num_kept) == {"b" * 16: 1}
