"""Sweep the learning rate: `python scripts/lr_find.py CONFIG [section.key=value ...]`."""

import sys

from forecast.cli.main import main

sys.argv.insert(1, "lr-find")
sys.exit(main())
