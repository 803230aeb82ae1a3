#include "csqlite_setup.h"

#include <sqlite3.h>

int csqlite_setup(void)
{
    int code = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    return code == SQLITE_OK ? sqlite3_config(SQLITE_CONFIG_STMTJRNL_SPILL, 120 << 10) : code;
}
