"""Faults of the system that pass by themselves."""

import errno

MOMENTARY = frozenset(
    {errno.EIO, errno.ESTALE, errno.ENOMEM, errno.ETIMEDOUT, errno.EINTR, errno.EAGAIN, errno.EMFILE, errno.ENFILE}
    | {errno.ECONNRESET}
)
"""What passes by itself, or when less is asked of the machine."""
