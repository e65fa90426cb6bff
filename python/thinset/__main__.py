"""`python -m thinset` is the command `thinset`."""

import sys

from thinset.command_line import main

sys.exit(main())
