"""``python -m mtl`` is the same as ``mtl``."""

import sys

from mtl.cli.main import main

sys.exit(main())
