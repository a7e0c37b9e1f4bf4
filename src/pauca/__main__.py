"""`python -m pauca`."""

import sys

from pauca.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
