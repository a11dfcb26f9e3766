"""`forecast completion`."""

import shutil
import subprocess

import pytest

from forecast.cli.arguments import COMMANDS


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_knows_every_command(shell, call):
    code, out, _ = call("completion", shell)
    assert code == 0
    assert all(word in out for name in COMMANDS for word in name.split())


def test_bash_completes_commands_options_and_files(tmp_path, call):
    if not (bash := shutil.which("bash")):
        pytest.skip("there is no bash")
    (tmp_path / "sales.yaml").touch()
    (tmp_path / "script").write_text(call("completion", "bash")[1])
    asked = """
        source ./script
        ask() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
                _shtab_forecast "$1" "${@: -1}" "${@: -2:1}"; echo "${COMPREPLY[@]}"; }
        ask forecast ba
        ask forecast train --pro
        ask forecast train sa
    """
    done = subprocess.run([bash, "-c", asked], cwd=tmp_path, capture_output=True, text=True)
    backtest, option, file = (set(line.split()) for line in done.stdout.splitlines())
    assert backtest == {"backtest"}
    assert "--profile" in option
    assert file == {"sales.yaml"}
