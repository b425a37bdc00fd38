"""``python -m jaxgan.cli``."""

import sys

from jaxgan.cli.main import main

sys.exit(main())
