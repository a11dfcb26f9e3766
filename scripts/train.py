"""Train a configuration: `python scripts/train.py CONFIG [section.key=value ...]`."""

import sys

from forecast.cli.main import main

sys.exit(main(["train", *sys.argv[1:]]))
