#include "csqlite_setup.h"

#include <sqlite3.h>

int csqlite_setup_without_statistics(void) { return sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); }
