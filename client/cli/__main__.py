"""`python -m client.cli`: the `ayni` command without its entry point installed."""

import sys

from client.cli import main

sys.exit(main())
