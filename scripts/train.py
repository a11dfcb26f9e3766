"""Train a configuration: `python scripts/train.py CONFIG [section.key=value ...]`."""

import sys

from forecast.cli.main import main

sys.argv.insert(1, "train")
sys.exit(main())
