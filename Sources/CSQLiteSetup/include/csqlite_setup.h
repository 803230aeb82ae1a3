#ifndef CSQLITE_SETUP_H
#define CSQLITE_SETUP_H

/// Sets SQLite up for this process: no memory statistics of its own, and statement journals of up to 120 KiB in memory.
///
/// The lock of the statistics would be taken by every allocation of every thread: Debian builds SQLite without lookaside memory,
/// so a statement allocates many times. A statement that may fail half-way keeps a copy of each page it changes; beyond the
/// size set here it writes them to a file. That size must stay under 128 KiB: SQLite then writes all of them at once, its own
/// unix layer takes 131,071 bytes at most, and the statement would fail as if the disk were full.
/// Works only before the first connection of the process; later it changes nothing.
/// sqlite3_config is variadic, which Swift cannot call. Returns SQLite's result code.
int csqlite_setup(void);

#endif
