#ifndef CSQLITE_SETUP_H
#define CSQLITE_SETUP_H

/// Turns off SQLite's own memory statistics, whose lock every allocation of every thread would take.
///
/// Debian builds SQLite without lookaside memory, so a statement allocates many times and two threads with a database each
/// wait for one another most of the time. Works only before the first connection of the process; later it changes nothing.
/// sqlite3_config is variadic, which Swift cannot call. Returns SQLite's result code.
int csqlite_setup_without_statistics(void);

#endif
