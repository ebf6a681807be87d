"""Runs the guard as `python -I -S -X utf8 …/agentd/guard/__main__.py pre-commit`.

That is how it is installed: no file of the repository can stand in for a module then, and it starts
without looking through site-packages.
"""

import os.path
import sys

if __name__ == "__main__":
    if not __package__:
        sys.path.append(
            os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        )
    from agentd.guard.program import main

    main()
