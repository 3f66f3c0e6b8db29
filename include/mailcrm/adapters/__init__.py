"""Every byte of I/O: servers, databases, files, the clock, the check library."""
