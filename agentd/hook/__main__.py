"""Runs the hook as `python -I -S -X utf8 …/agentd/hook/__main__.py PROVIDER`.

That is how it is installed: no `PYTHONPATH` and no file of the repository can stand in for a module
of the standard library then, and it starts without looking through site-packages.
"""

import os.path
import sys

if __name__ == "__main__":
    if not __package__:
        sys.path.append(
            os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        )
    from agentd.hook.program import main

    main()
