"""One file per outside vendor, behind a ``Protocol`` of the domain that needs it. Their libraries are imported when
they are first used, so that a process which does not need one does not load it."""
