"""`make demo`: a night of Kiln's, and a rollback in the morning, on a local AWS.

It prints the story, and with `V=1` the whole journal. It starts the local AWS, deploys the real
templates with the real binaries, and wakes the nightly bake through its schedule. All that follows happens on
events. It exits with 0 only if everything ended as it must.
"""

from __future__ import annotations

import os
import sys

INTERRUPTED = 130


def main() -> int:
    everything = "--everything" in sys.argv[1:]
    try:
        # An interrupt may come while boto3 is still being imported.
        from demo.run import run

        return run(everything)
    except KeyboardInterrupt:
        # A terminal has shown ^C at the start of this line.
        print(
            ("\n" if sys.stdout.isatty() else "")
            + "Interrupted: the local AWS and every function on it have ended.",
            flush=True,
        )
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read this has had enough (`make demo | head`): nothing more is written.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


if __name__ == "__main__":
    sys.exit(main())
