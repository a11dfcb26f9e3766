"""What those who wait for a report see."""

from forecast.reporting.steps import bar, within


def test_a_part_is_a_stretch_of_the_whole():
    seen = []
    part = within(lambda what, share: seen.append((what, share)), 0.2, 0.6)
    within(part, 0.5, 1.0)("b", 0.5)
    part("a", 0.0)
    part("c", 1.0)
    assert seen == [("b", 0.2 + 0.4 * 0.75), ("a", 0.2), ("c", 0.6)]


def test_without_a_terminal_nothing_is_shown(capsys):
    with bar("the run", quiet=False) as show:
        show("pictures", 0.5)
    assert capsys.readouterr() == ("", "")


def test_a_bar_on_a_terminal(monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with bar("the run", quiet=False) as show:
        show("pictures", 0.5)
    shown = capsys.readouterr()
    assert shown.out == "" != shown.err
    with bar("the run", quiet=True) as show:
        show("pictures", 0.5)
    assert capsys.readouterr().err == ""
