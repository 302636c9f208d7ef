"""The command as a program: `analytics-pipeline`, or `python -m analytics_pipeline`.

Here: the time before the command's own modules are imported, which takes a second. Not here: the command (`cli/`).
"""

import sys

_INTERRUPTED = 130  # as the command ends by Ctrl-C


def main() -> None:
    """Runs the command; Ctrl-C during its imports ends it without a traceback."""
    try:
        from analytics_pipeline import cli

        cli.main()
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        sys.exit(_INTERRUPTED)


if __name__ == "__main__":
    main()
