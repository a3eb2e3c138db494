"""`python -m dfnas`: the same as the command `dfnas`."""

import sys

from dfnas.commands.main import main

if __name__ == "__main__":
    sys.exit(main())
