"""What holds for all tests."""

import signal

# Shells start what they put into the background deaf to interrupts, and children inherit that: the
# tests that interrupt a command would wait for one that cannot hear.
signal.signal(signal.SIGINT, signal.default_int_handler)
