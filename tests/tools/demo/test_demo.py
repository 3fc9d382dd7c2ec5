from types import SimpleNamespace

from tools.demo import demo


def test_the_terminal_takes_the_samples_in_the_order_of_the_page(monkeypatch, capsys):
    told = []
    runs = [SimpleNamespace(title=title, run_id="demo__1") for title in ("wine", "mixed_bag")]
    monkeypatch.setattr(demo, "open_run", lambda title, _: title)
    monkeypatch.setattr(demo.results, "headline", lambda run: [run])
    monkeypatch.setattr(demo.results, "reused_stages", lambda _: [])
    monkeypatch.setattr(demo.results, "difference", lambda *two: told.append([*two]) or "Wine minus Mixed bag")
    monkeypatch.setattr(demo.results, "compare", lambda both: told.append(both) or ("Wine is harder.", "page"))

    demo._tell_results(runs)

    assert told == [["wine", "mixed_bag"], ["wine", "mixed_bag"]]
    assert "Wine minus Mixed bag" in capsys.readouterr().out
