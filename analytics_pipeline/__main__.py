"""The command as a program: `analytics-pipeline`, or `python -m analytics_pipeline`.

Here: the time before the command's own modules are imported, which takes a second. Not here: the command (`cli/`).
"""

import signal
import sys


def main() -> None:
    """Runs the command; Ctrl-C during its imports ends it without a traceback."""
    try:
        from analytics_pipeline import cli

        cli.main()
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        sys.exit(128 + signal.SIGINT)


if __name__ == "__main__":
    main()
