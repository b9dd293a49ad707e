"""Starts one worker: `python -X utf8 kit/run.py <adapter folder>`, with the request on standard input."""

import os
import sys
from pathlib import Path

# Python does this by itself unless it was started with -I or -P.
sys.path.insert(0, str(Path(__file__).resolve().parent))

from benchrun_kit.channel import Channel

# Before anything else is imported: whatever is printed from here on goes to standard error.
channel = Channel.take_stdout()

from benchrun_kit.worker import serve

if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: run.py <adapter folder>, with one request line on standard input")
    serve(channel, sys.stdin.buffer, Path(sys.argv[1]))
    # Everything was said. Tearing down the interpreter and its libraries takes 0.2 s and measures nothing.
    # What is still buffered belongs into the log: Python's own buffers, and those of C libraries.
    import ctypes

    sys.stdout.flush()
    sys.stderr.flush()
    ctypes.CDLL(None).fflush(None)
    os._exit(0)
