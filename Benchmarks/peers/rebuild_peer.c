// The bare program beside a rebuild: reads every record of the log and lets json_extract fill one row each.
//
//   cc -O2 -o rebuild_peer rebuild_peer.c -llmdb -lsqlite3
//   rebuild_peer LOG-FOLDER DATABASE
//
// Prints seconds. No checks, no journal, no syncs, no indexes, one statement: less than any projection may do.
#include <lmdb.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CHECK(call) do { int rc = (call); if (rc) { fprintf(stderr, "%s: %d\n", #call, rc); exit(1); } } while (0)

static uint64_t big_endian(const unsigned char *bytes, int count) {
    uint64_t value = 0;
    while (count--) value = value << 8 | *bytes++;
    return value;
}

static void uuid_text(const unsigned char *bytes, char *text) {
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) *text++ = '-';
        *text++ = digits[bytes[i] >> 4];
        *text++ = digits[bytes[i] & 15];
    }
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static sqlite3 *open_database(const char *path, sqlite3_stmt **insert) {
    sqlite3 *db;
    unlink(path);
    CHECK(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL));
    CHECK(sqlite3_exec(db,
        "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE;"
        "PRAGMA cache_size = -65536;"
        "CREATE TABLE row (position INTEGER PRIMARY KEY, recorded_at INTEGER, type TEXT, stream TEXT, actor TEXT,"
        " auth TEXT, reason TEXT, subject TEXT, kind TEXT, words TEXT)", NULL, NULL, NULL));
    CHECK(sqlite3_prepare_v2(db,
        "INSERT INTO row VALUES (?1, ?2, ?3, ?4, ?5, json_extract(?6, '$.auth'), json_extract(?6, '$.reason'),"
        " coalesce(json_extract(?7, '$.version'), json_extract(?7, '$.task'), json_extract(?7, '$.config')),"
        " json_extract(?7, '$.kind'), coalesce(json_extract(?7, '$.words'), json_extract(?7, '$.response')))",
        -1, insert, NULL));
    return db;
}

int main(int count, char **arguments) {
    if (count != 3) return 64;
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi ev;
    MDB_cursor *cursor;
    CHECK(mdb_env_create(&env));
    CHECK(mdb_env_set_maxdbs(env, 16));
    CHECK(mdb_env_set_mapsize(env, (size_t)64 << 30));
    CHECK(mdb_env_open(env, arguments[1], MDB_RDONLY | MDB_NOTLS, 0600));
    double start = now();
    CHECK(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn));
    CHECK(mdb_dbi_open(txn, "ev", 0, &ev));
    CHECK(mdb_cursor_open(txn, ev, &cursor));
    sqlite3_stmt *insert;
    sqlite3 *db = open_database(arguments[2], &insert);
    CHECK(sqlite3_exec(db, "BEGIN", NULL, NULL, NULL));
    MDB_val key, value;
    long events = 0;
    while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
        const unsigned char *record = value.mv_data;
        const unsigned char *type = record + 106;
        const unsigned char *stream = type + 1 + type[0];
        const unsigned char *meta = record + big_endian(record + 2, 2);
        uint32_t meta_length = big_endian(meta, 4);
        const unsigned char *data = meta + 4 + meta_length;
        uint32_t data_length = big_endian(data, 4);
        char actor[36];
        uuid_text(record + 88, actor);
        sqlite3_bind_int64(insert, 1, big_endian(record + 4, 8));
        sqlite3_bind_int64(insert, 2, big_endian(record + 12, 8));
        sqlite3_bind_text(insert, 3, (const char *)type + 1, type[0], SQLITE_STATIC);
        sqlite3_bind_text(insert, 4, (const char *)stream + 1, stream[0], SQLITE_STATIC);
        sqlite3_bind_text(insert, 5, actor, 36, SQLITE_STATIC);
        sqlite3_bind_text(insert, 6, (const char *)meta + 4, meta_length, SQLITE_STATIC);
        sqlite3_bind_text(insert, 7, (const char *)data + 4, data_length, SQLITE_STATIC);
        if (sqlite3_step(insert) != SQLITE_DONE) {
            fprintf(stderr, "%s\n", sqlite3_errmsg(db));
            return 1;
        }
        sqlite3_reset(insert);
        if (++events % 50000 == 0) CHECK(sqlite3_exec(db, "COMMIT; BEGIN", NULL, NULL, NULL));
    }
    CHECK(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL));
    sqlite3_finalize(insert);
    CHECK(sqlite3_close(db));
    printf("%.6f\n", now() - start);
    mdb_cursor_close(cursor);
    mdb_txn_abort(txn);
    mdb_env_close(env);
    return 0;
}
