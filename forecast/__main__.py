"""python -m forecast."""

import os
import sys

if not sys.flags.safe_path and sys.path[0] == os.getcwd():
    del sys.path[0]  # where an argparse.py of the working folder would be found first

from forecast.cli.main import main

sys.exit(main())
