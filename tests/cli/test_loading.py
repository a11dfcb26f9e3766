"""A package is imported while a table is read, and no later."""

import subprocess
import sys

from forecast.cli.loading import imported_meanwhile

CODE = """
import sys, threading
from forecast.cli.loading import imported_meanwhile
import forecast.cli.quick
assert "torch" not in sys.modules
with imported_meanwhile("colorsys"):
    assert threading.active_count() <= 2
assert "colorsys" in sys.modules and threading.active_count() == 1
"""


def test_a_package_is_there_after_the_block_and_quick_has_not_imported_torch_before():
    subprocess.run([sys.executable, "-c", CODE], check=True, timeout=250)


def test_a_package_that_cannot_be_imported_is_left_to_the_import_that_follows(capfd):
    with imported_meanwhile("no_such_package"):
        pass
    assert capfd.readouterr() == ("", "")
