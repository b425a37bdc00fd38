"""``python -m jaxgan``."""

import sys

from jaxgan.cli.main import main

sys.exit(main())
