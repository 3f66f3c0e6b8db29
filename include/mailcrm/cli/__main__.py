"""`python -m mailcrm.cli`, where the console script is not installed."""

import sys

from mailcrm.cli import main

if __name__ == "__main__":
    sys.exit(main())
