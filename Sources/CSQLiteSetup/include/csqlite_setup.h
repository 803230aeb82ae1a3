#ifndef CSQLITE_SETUP_H
#define CSQLITE_SETUP_H

/// Sets SQLite up for this process: no memory statistics of its own, and statement journals of up to 1 MiB in memory.
///
/// The lock of the statistics would be taken by every allocation of every thread: Debian builds SQLite without lookaside memory,
/// so a statement allocates many times. A statement that may fail half-way keeps a copy of each page it changes; with pages of
/// 16 KiB the default of 64 KiB has it write a file for nearly every statement of a projection.
/// Works only before the first connection of the process; later it changes nothing.
/// sqlite3_config is variadic, which Swift cannot call. Returns SQLite's result code.
int csqlite_setup(void);

#endif
