"""Sweep the learning rate: `python scripts/lr_find.py CONFIG [section.key=value ...]`."""

import sys

from forecast.cli.main import main

sys.exit(main(["lr-find", *sys.argv[1:]]))
